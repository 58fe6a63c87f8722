"""The compose file on a real Docker engine, from a clone to an alert that fires: `make compose-test`.

Not a part of `make test`: it needs an engine, and some ten minutes.
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.ports import free_ports
from tests.deploy.project import Project, wait_until

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120
STREAM_S = 10  # how long records flow through what a step has changed


class Live:
    """The steps, each on what the one before has left."""

    def __init__(self, project: Project) -> None:
        self.project = project

    @property
    def workers(self) -> list[str]:
        """The running ones."""
        return self.project.containers("worker")

    @property
    def prometheus(self) -> str:
        """Its container."""
        (found,) = self.project.containers("prometheus")
        return found

    def build(self) -> Iterator[str]:
        """The image is built."""
        began = time.monotonic()
        self.project.compose("build", "worker")
        yield f"image built, or found built, in {time.monotonic() - began:.0f} s"
        size = int(self.project.docker("image", "inspect", "streamrank:cpu", "--format", "{{.Size}}"))
        yield f"it has {size / 1e9:.2f} GB"

    def predictions(self) -> Iterator[str]:
        """Rankings come out within two minutes of `up`, and nobody has edited a file."""
        began = time.monotonic()
        took = self.project.up()
        ranking = self._first_ranking()
        until_ranked = time.monotonic() - began
        assert until_ranked < PATIENCE_S, f"the first ranking was read after {until_ranked:.0f} s"
        assert ranking["predictions"][0]["rank"] == 1, ranking
        yield f"up in {took:.0f} s, a ranking read after {until_ranked:.0f} s"
        yield f"of group {ranking['group']}, first {ranking['predictions'][0]['label']}"

    def _first_ranking(self) -> dict[str, Any]:
        options = ["--topic", "rankings", "--from-beginning", "--max-messages", "1", "--timeout-ms", "60000"]
        return dict(json.loads(self.project.kafka("kafka-console-consumer.sh", *options).splitlines()[0]))

    def confined(self) -> Iterator[str]:
        """Nobody is root, can become more than it is, or can write where it need not."""
        for service in ("kafka", "worker", "demo", "prometheus"):
            (container, *_) = self.project.containers(service)
            yield f"{service}: {self._rights(container)}, {self._root(container)} root"
            assert self._root(container) == "read-only" or service == "kafka"
        (worker, *_) = self.workers
        for attempt in ("touch /opt/streamrank/x", "touch /models/x", "command -v gcc", "command -v cc", "ls ~/.cache"):
            assert not self._succeeds(worker, attempt), attempt
        about = self.project.inspect(worker)["Config"]
        assert (about["User"], about["StopSignal"]) == ("10001:10001", "SIGTERM")
        labels = {name: value for name, value in about["Labels"].items() if name.startswith("org.opencontainers.")}
        yield f"labels: {labels}"

    def _rights(self, container: str) -> str:
        # All processes there are, those of its health check too; one of them may end meanwhile.
        said = self.project.docker("exec", container, "sh", "-c", "cat /proc/[0-9]*/status || true")
        found = defaultdict(set)
        for name, _, value in (line.partition(":") for line in said.splitlines()):
            found[name].add(value.strip())
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert found[capabilities] == {"0" * 16}, (capabilities, found[capabilities])
        assert found["NoNewPrivs"] == {"1"}
        users = {user.split()[0] for user in found["Uid"]}
        assert "0" not in users
        return f"user {', '.join(users)}, capabilities 0, no new privileges"

    def _root(self, container: str) -> str:
        return "read-only" if self.project.inspect(container)["HostConfig"]["ReadonlyRootfs"] else "writable"

    def _succeeds(self, container: str, command: str) -> bool:
        attempt = f"if {command} >/dev/null 2>&1; then echo done; fi"
        return "done" in self.project.docker("exec", container, "sh", "-c", attempt)

    def shared(self) -> Iterator[str]:
        """Three replicas share the partitions."""
        took = self.project.up("--scale", "worker=3")
        shares = wait_until("each of three workers has a partition", self._shares, PATIENCE_S)
        yield f"three workers in {took:.0f} s, with {', '.join(map(str, shares))} partitions"

    def _shares(self) -> list[int]:
        mine = [self.project.json(worker, 8000, "/status")["partitions"] for worker in self.workers]
        every = sorted(partition for each in mine for partition in each)
        assert len(every) <= 4 or len(set(every)) < len(every), every
        return sorted(map(len, mine)) if len(every) == len(set(every)) == 4 and all(mine) and len(mine) == 3 else []

    def drained(self) -> Iterator[str]:
        """A stop under load finishes what is in flight: nothing is lost, and nothing is ranked twice."""
        stopped = self.workers
        time.sleep(STREAM_S)
        began = time.monotonic()
        self.project.compose("stop", "worker")
        took = time.monotonic() - began
        states = [self.project.inspect(worker)["State"] for worker in stopped]
        assert [state["ExitCode"] for state in states] == [0, 0, 0], states
        yield f"three workers stopped in {took:.1f} s with exit status 0 while records flowed"
        yield "answered so far: " + self._audit_alone("--up-to", "committed", "--guarantee", "exactly_once")
        self.project.up("--scale", "worker=3")
        wait_until("each of three workers has a partition", self._shares, PATIENCE_S)
        yield "and since they run again: " + self._audited("--up-to", "committed", "--guarantee", "exactly_once")

    def killed(self) -> Iterator[str]:
        """`docker kill` of one loses nothing; the others take its partitions over."""
        victim, *others = self.workers
        self.project.docker("kill", victim)
        began = time.monotonic()
        wait_until("two workers have all partitions", lambda: self._have_all(others), PATIENCE_S)
        yield f"the other two had all partitions after {time.monotonic() - began:.0f} s"
        self.project.up("--scale", "worker=3")
        wait_until("each of three workers has a partition", self._shares, PATIENCE_S)
        yield self._audited("--up-to", "committed")

    def _have_all(self, workers: list[str]) -> bool:
        return sum(len(self.project.json(worker, 8000, "/status")["partitions"]) for worker in workers) == 4

    def restarted(self) -> Iterator[str]:
        """One that crashes is started again by its restart policy."""
        (crashed, *_) = self.workers
        # The first process is tini, its child the service; nobody in there may kill the first.
        self.project.docker("exec", crashed, "sh", "-c", "kill -9 $(cat /proc/1/task/1/children)", may_fail=True)
        wait_until("it was started again", lambda: self.project.inspect(crashed)["RestartCount"] == 1, PATIENCE_S)
        wait_until("it is healthy", lambda: self._healthy(crashed), PATIENCE_S)
        wait_until("each of three workers has a partition", self._shares, PATIENCE_S)
        yield self._audited("--up-to", "committed")

    def _healthy(self, container: str) -> bool:
        return bool(self.project.inspect(container)["State"]["Health"]["Status"] == "healthy")

    def _audited(self, *options: str) -> str:
        return _verdict(self.project.compose("exec", "-T", "worker", "streamrank", "audit", *options, may_fail=True))

    def _audit_alone(self, *options: str) -> str:
        run = ["run", "--rm", "--no-deps", "-T", "worker", "audit", *options]
        return _verdict(self.project.compose(*run, may_fail=True))

    def watched(self) -> Iterator[str]:
        """Prometheus reaches every replica, and every rule can be worked out."""
        healthy = wait_until("Prometheus reaches three workers", self._targets, PATIENCE_S)
        yield f"targets up: {healthy}"
        rules = wait_until("every rule was evaluated", self._rules, PATIENCE_S)
        kinds = [rule["type"] for rule in rules]
        yield f"{kinds.count('alerting')} alerts and {kinds.count('recording')} recording rules evaluated"
        quiet = {rule["name"] for rule in rules if rule.get("state") == "firing"}
        yield f"firing: {', '.join(sorted(quiet)) or 'none'}"

    def _targets(self) -> int:
        found = self.project.json(self.prometheus, 9090, "/api/v1/targets?state=active")["data"]["activeTargets"]
        # The ones that were there before may be listed for a moment.
        return 3 if [target["health"] for target in found] == ["up"] * 3 else 0

    def _rules(self) -> list[dict[str, Any]]:
        groups = self.project.json(self.prometheus, 9090, "/api/v1/rules")["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert rules
        broken = {rule["name"]: rule["lastError"] for rule in rules if rule["health"] == "err"}
        assert not broken, broken
        return rules if all(rule["health"] == "ok" for rule in rules) else []

    def stalled(self) -> Iterator[str]:
        """A broker that answers nobody makes the alerts for it fire; they resolve, and nothing is lost."""
        (kafka,) = self.project.containers("kafka")
        self._pause_while_records_wait(kafka)
        began = time.monotonic()
        expected = ("StreamRankNoneReady", "StreamRankNoPublish")
        for alert in expected:
            self._fires(alert, 300)
            yield f"{alert} fired {time.monotonic() - began:.0f} s after Kafka was paused"
        (worker, *_) = self.workers
        yield f"by then a worker said: {self.project.get(worker, 8000, '/readyz').strip()}"
        self.project.docker("unpause", kafka)
        began = time.monotonic()
        wait_until(
            "they are over", lambda: not {"StreamRankNoneReady", "StreamRankNoPublish"} & set(self._firing()), 300
        )
        yield f"over {time.monotonic() - began:.0f} s after it went on"
        yield self._audited("--up-to", "committed")

    def _pause_while_records_wait(self, kafka: str) -> None:
        """Pause the broker at a moment of which the workers know that records wait; nearly every one is."""
        while True:
            self.project.docker("pause", kafka)
            time.sleep(5)
            every = [self.project.json(worker, 8000, "/status")["partitions"] for worker in self.workers]
            if any(lag["records"] for each in every for lag in each.values()):
                return
            self.project.docker("unpause", kafka)
            time.sleep(5)

    def frozen(self) -> Iterator[str]:
        """Workers that stand still fire another one, and go on or are started again."""
        workers = self.workers
        self.project.docker("pause", *workers)
        began = time.monotonic()
        self._fires("StreamRankWorkerAbsent", 300)
        yield f"StreamRankWorkerAbsent fired {time.monotonic() - began:.0f} s after all workers were paused"
        self.project.docker("unpause", *workers)
        began = time.monotonic()
        wait_until("each of three workers has a partition", self._shares, PATIENCE_S)
        yield f"all were at work again {time.monotonic() - began:.0f} s after they were let go on"

    def _firing(self) -> list[str]:
        alerts = self.project.json(self.prometheus, 9090, "/api/v1/alerts")["data"]["alerts"]
        return sorted({alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"})

    def _fires(self, name: str, seconds: float) -> None:
        wait_until(f"{name} fires", lambda: name in self._firing(), seconds)

    def settled(self) -> Iterator[str]:
        """In the end every record is answered, nothing waits, and what runs stops cleanly."""
        self.project.compose("stop", "demo")
        wait_until("nothing waits", lambda: self._waiting() == 0, PATIENCE_S)
        workers = self.workers
        self.project.compose("stop", "worker")
        statuses = [self.project.inspect(worker)["State"]["ExitCode"] for worker in workers]
        assert statuses == [0, 0, 0], statuses
        yield f"lag 0, exit statuses {statuses}"
        yield self._audit_alone()
        table = self.project.kafka("kafka-consumer-groups.sh", "--describe", "--group", "streamrank")
        rows = [line.split() for line in table.splitlines() if " records " in line]
        assert [row[5] for row in rows] == ["0"] * 4, table
        yield f"committed offsets {', '.join(sorted(row[3] for row in rows))}, lag 0 by the broker's own tool"

    def _waiting(self) -> int:
        every = [self.project.json(worker, 8000, "/status")["partitions"] for worker in self.workers]
        assert sum(map(len, every)) == 4
        return sum(lag["records"] for each in every for lag in each.values())

    def quiet(self) -> Iterator[str]:
        """With DEMO=false nothing is sent, and `up --wait` is content all the same."""
        self.project.environment["DEMO"] = "false"
        before = self._ends()
        took = self.project.up()
        time.sleep(STREAM_S)
        assert self._ends() == before
        yield f"up in {took:.0f} s, and no new record in {STREAM_S} s"

    def _ends(self) -> str:
        return self.project.kafka("kafka-get-offsets.sh", "--topic", "records")


STEPS = tuple(name for name, each in vars(Live).items() if callable(each) and not name.startswith("_"))


def _verdict(said: str) -> str:
    lines = said.splitlines()
    assert lines, "the audit said nothing"
    assert lines[-1].startswith("ok:"), said
    total = next(line for line in lines if line.split()[0] == "total").split()
    return f"{total[1]} records, {total[2]} answered; {lines[-1]}"


def main() -> None:
    """Run every step, or those that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*", choices=[*STEPS, []], help="(default: all)")
    parser.add_argument("--keep", action="store_true", help="leave everything running")
    parser.add_argument("--speed", default="60", help="of the races, in times as life")
    options = parser.parse_args()
    kafka, prometheus, grafana = map(str, free_ports(3))
    variables = {"KAFKA_PORT": kafka, "PROMETHEUS_PORT": prometheus, "GRAFANA_PORT": grafana}
    with tempfile.TemporaryDirectory(prefix="streamrank-live-") as folder:
        subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{ROOT}", folder], check=True)
        project = Project(Path(folder), {**variables, "DEMO_SPEED": options.speed})
        live, began = Live(project), time.monotonic()
        project.compose("down", "--volumes", "--remove-orphans")
        try:
            for step in options.steps or STEPS:
                for said in getattr(live, step)():
                    print(f"{time.monotonic() - began:5.0f} s  {step:12} {said}", flush=True)
        except BaseException:
            print(project.compose("ps", "--all", may_fail=True))
            print(project.compose("logs", "--tail=12", may_fail=True))
            raise
        finally:
            if not options.keep:
                project.compose("down", "--volumes", may_fail=True)


if __name__ == "__main__":
    main()

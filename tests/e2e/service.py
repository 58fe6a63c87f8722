"""The service as a process of its own, as a user starts it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families

from app.ports import free_ports
from tests.broker.records import Record
from tests.broker.topics import Topics
from tests.variables import variables_for

READY_SECONDS = 90  # importing TensorFlow on a machine that runs other tests at the same time


def environment(topics: Topics, model: Path | str) -> dict[str, str]:
    """What the service is told for *topics* and *model*."""
    return {**variables_for(topics, model), "HTTP_HOST": "127.0.0.1"}


class Service:
    """`python -m app`, its log in a file; `with` starts it and makes sure that it is gone afterwards."""

    def __init__(self, folder: Path, variables: Mapping[str, str], port: int | None = None) -> None:
        self.port = port or free_ports(1)[0]
        self.log_path = folder / f"service-{uuid.uuid4().hex}.log"
        self._folder = folder
        self._variables = {**variables, "HTTP_PORT": str(self.port)}
        self.process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app"],
                env={**inherited, "PYTHONPATH": str(Path(__file__).parents[2]), **self._variables},
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if kind is not None:
            sys.stderr.write(self.log)

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of an HTTP answer; status 0 while nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def wait_until_ready(self) -> Self:
        return self.wait_for(lambda: self.get("/readyz")[0] == 200, READY_SECONDS)

    def wait_for(self, condition: Callable[[], bool], within: float = 60) -> Self:
        """Return when *condition* holds; fails at once when the process has ended."""
        deadline = time.monotonic() + within
        while not condition():
            if self.process.poll() is not None:
                raise AssertionError(f"the service ended with {self.process.returncode}:\n{self.log}")
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {within} s; /readyz: {self.get('/readyz')}\n{self.log}")
            time.sleep(0.05)
        return self

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def status(self) -> dict[str, Any]:
        return json.loads(self.get("/status")[1])

    def lags(self) -> list[int]:
        """How many records wait in each partition that the service has looked at."""
        return [each["records"] for each in self.status()["partitions"].values()]

    def samples(self) -> dict[tuple[str, ...], float]:
        """Every sample of `/metrics`: its name and label values, in the order of the labels' names."""
        families = text_string_to_metric_families(self.get("/metrics")[1])
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }


def rank_over_a_crash(topics: Topics, variables: Mapping[str, str], records: Sequence[Record], folder: Path) -> None:
    """Let workers rank *records* while one joins, takes partitions over, and the other one is killed."""
    third = len(records) // 3
    with Service(folder, variables) as first:
        first.wait_until_ready()
        topics.client.write(topics.input, records[:third])
        with Service(folder, variables) as second:
            second.wait_until_ready()
            topics.client.write(topics.input, records[third : 2 * third])
            second.wait_for(lambda: bool(second.samples().get(("streamrank_records_total", "published"))))
            first.process.kill()
            topics.client.write(topics.input, records[2 * third :])
            topics.client.wait_until_committed(topics.input, topics.group, within=120)
            assert second.stop() == 0

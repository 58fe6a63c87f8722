"""A real Prometheus that scrapes services of the tests by the project's own configuration."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from app.child import Child
from app.ports import free_ports
from tests.prometheus.programs import program
from tests.prometheus.rules import CONFIG, RULE_FILES, hurried

WITHIN = 60  # far more than anything takes
_EVERY = "1s"


class Prometheus:
    """What the tests ask of a running Prometheus."""

    def __init__(self, port: int, log: Path) -> None:
        self._address = f"127.0.0.1:{port}"
        self._log = log

    def get(self, path: str, **parameters: str | float) -> Any:
        """The data of an answer of the API; ValueError with Prometheus's words when it refuses."""
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"http://{self._address}{path}?{query}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise ValueError(f"{parameters}: {error.read().decode()}") from None

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self._address}/-/ready", timeout=10):
                return True
        except OSError:
            return False

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and values at this moment; what is not a number is left out, as nothing could be seen of it."""
        found = [(each["metric"], float(each["value"][1])) for each in self._vector(expression)]
        return [(labels, value) for labels, value in found if isfinite(value)]

    def _vector(self, expression: str) -> list[dict[str, Any]]:
        data = self.get("/api/v1/query", query=expression)
        return [{"metric": {}, "value": data["result"]}] if data["resultType"] == "scalar" else data["result"]

    def ranges(
        self, expression: str, start: float, end: float
    ) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
        """Labels and points of every series, second by second."""
        data = self.get("/api/v1/query_range", query=expression, start=start, end=end, step=1)
        return [
            (each["metric"], [(at, float(value)) for at, value in each["values"] if isfinite(float(value))])
            for each in data["result"]
        ]

    def label_values(self, selector: str, label: str) -> list[str]:
        """The values that a label has in the series that a selector finds."""
        return self.get(f"/api/v1/label/{label}/values", **{"match[]": selector})

    def rules(self) -> list[dict[str, Any]]:
        """Every rule, with its health and what it gave."""
        return [rule for group in self.get("/api/v1/rules")["groups"] for rule in group["rules"]]

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {labels["alertname"] for labels, _ in self.query('ALERTS{alertstate="firing"}')}

    def fired(self, since: float) -> set[str]:
        """The names of the alerts that have fired since a time."""
        window = f"[{max(1, int(time.time() - since))}s]"
        fired = self.query(f'max_over_time(ALERTS{{alertstate="firing"}}{window})')
        return {labels["alertname"] for labels, _ in fired}

    def until(self, condition: Callable[[], Any], what: str, within: float = WITHIN) -> None:
        """Return when *condition* holds."""
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline:
                found = self.is_ready() and (
                    self.firing(),
                    self.query('{__name__=~"streamrank_(ready|records_total|consumer_lag.*)"}'),
                )
                raise AssertionError(f"not within {within} s: {what}\n{found}\n{self._log.read_text()[-3000:]}")
            time.sleep(0.1)


@contextmanager
def prometheus(folder: Path, ports: Sequence[int], *, hurry: int = 1, windows: bool = True) -> Iterator[Prometheus]:
    """Start one that looks every second at services on these *ports*, and at itself.

    Args:
        folder: for its configuration, data and log; an empty one.
        ports: of 127.0.0.1.
        hurry: by how much what takes time in the rules is shortened.
        windows: whether it is so, too, with the time that rules look back.
    """
    config = yaml.safe_load((CONFIG / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": _EVERY, "scrape_timeout": _EVERY, "evaluation_interval": _EVERY}
    (job,) = config["scrape_configs"]
    # There is no name server that would answer with the tests' services.
    del job["dns_sd_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{port}" for port in ports]}]
    (port,) = free_ports(1)
    # Others' targets, as every Prometheus has them, must not count among the workers.
    itself = {"job_name": "prometheus", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    config["scrape_configs"].append(itself)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    for name in RULE_FILES:
        (folder / name).write_text(hurried((CONFIG / name).read_text(), hurry, windows=windows))
    command = [
        program("prometheus") or "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    log = folder / "prometheus.log"
    child = Child(command, log=log)
    try:
        server = Prometheus(port, log)
        server.until(server.is_ready, "ready")
        yield server
    finally:
        child.stop(timeout=10)

"""The programs that are compared, and how each is started, frozen and stopped."""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from app.child import Child
from app.ports import LOOPBACK, free_ports
from benchmarks import model, processes
from benchmarks.cluster import Cluster, Topics
from benchmarks.errors import BenchmarkFailed
from benchmarks.folders import ROOT
from benchmarks.peers.settings import TUNING_VARIABLE, Tuning

_STOP_S = 30
# At rest is who uses less of a core for so long. What the service does when it has time, it begins sooner.
_REST_LOAD = 0.15
_REST_S = 3.0
_SETTLED_S = 60


class Contender(StrEnum):
    """Who takes part."""

    SERVICE = "service"
    EXACTLY_ONCE = "exactly_once"
    CONFLUENT = "confluent"
    TEXTBOOK = "textbook"
    RACE_LOOP = "race_loop"
    AIOKAFKA_RACE_LOOP = "aiokafka_race_loop"
    ECHO = "echo"

    @property
    def full_name(self) -> str:
        """As the report calls it."""
        return _TITLES[self]

    @property
    def module(self) -> str:
        """What `python -m` runs."""
        return _MODULES[self]

    @property
    def transactional(self) -> bool:
        """Whether outputs become visible with the offset that is committed, and not before."""
        return self is Contender.EXACTLY_ONCE

    @property
    def ranks(self) -> bool:
        """Whether it runs the model."""
        return self is not Contender.ECHO


_TITLES = {
    Contender.SERVICE: "StreamRank",
    Contender.EXACTLY_ONCE: "StreamRank, exactly once",
    Contender.CONFLUENT: "confluent-kafka loop",
    Contender.TEXTBOOK: "textbook Faust agent",
    Contender.RACE_LOOP: "confluent-kafka loop, races",
    Contender.AIOKAFKA_RACE_LOOP: "aiokafka loop, races",
    Contender.ECHO: "echo loop, no model",
}
_MODULES = {
    Contender.SERVICE: "app",
    Contender.EXACTLY_ONCE: "app",
    Contender.CONFLUENT: "benchmarks.peers.confluent_loop",
    Contender.TEXTBOOK: "benchmarks.peers.textbook_faust",
    Contender.RACE_LOOP: "benchmarks.peers.race_loop",
    Contender.AIOKAFKA_RACE_LOOP: "benchmarks.peers.aiokafka_race_loop",
    Contender.ECHO: "benchmarks.peers.echo_loop",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """What every contender of a benchmark is started with.

    Attributes:
        cluster: the shared broker.
        model_path: the shared SavedModel.
        folder: for logs and working directories.
        variables: further environment variables.
    """

    cluster: Cluster
    model_path: Path
    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def run(self, contender: Contender, topics: Topics, tuning: Tuning) -> Iterator["Running"]:
        """Start *contender*; it is asked to stop at the end, and killed when the measurement failed.

        Raises:
            BenchmarkFailed: it did not stop with status 0.
        """
        (port,) = free_ports(1)
        # Another one, when it is started again.
        folder = Path(tempfile.mkdtemp(prefix=f"{topics.name}-{contender}-", dir=self.folder))
        running = Running(
            contender, self._start(contender, folder, self._environment(contender, topics, tuning, port)), port
        )
        try:
            yield running
            running.stop()
        finally:
            running.child.kill()

    def _start(self, contender: Contender, folder: Path, environment: dict[str, str]) -> Child:
        command = [sys.executable, "-m", contender.module]
        return Child(command, log=folder / "output.log", folder=folder, environment=environment)

    def _environment(self, contender: Contender, topics: Topics, tuning: Tuning, port: int) -> dict[str, str]:
        """The caller's environment, so that a setting can be tried out, and what makes the contenders comparable."""
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "KAFKA_BOOTSTRAP_SERVERS": self.cluster.bootstrap_servers,
            "INPUT_TOPIC": topics.input,
            "OUTPUT_TOPIC": topics.output,
            "DEAD_LETTER_TOPIC": topics.dead_letters,
            "CONSUMER_GROUP": topics.group,
            "PROCESSING_GUARANTEE": "exactly_once" if contender.transactional else "at_least_once",
            "MODEL_PATH": str(self.model_path),
            "MODEL_NAME": model.NAME,
            "RANK_TOP_K": str(model.TOP_K),
            "HTTP_HOST": LOOPBACK,
            "HTTP_PORT": str(port),
            TUNING_VARIABLE: tuning,
            **self.variables,
        }


@dataclass(frozen=True, slots=True)
class Running:
    """A contender's process.

    Attributes:
        port: where the service answers HTTP; the peers do not.
    """

    contender: Contender
    child: Child
    port: int

    def check(self) -> None:
        """Notice when it has ended.

        Raises:
            BenchmarkFailed: it has.
        """
        if self.child.exit_status is not None:
            raise BenchmarkFailed(self.complaint(f"ended with status {self.child.exit_status}"))

    def complaint(self, what: str) -> str:
        """A message about this contender with the end of its log."""
        return f"{self.contender.full_name} {what}; the end of its log:\n{self.child.last_lines()}"

    def settle(self) -> None:
        """Return when it has been at rest for three seconds, with all that it has started.

        Raises:
            BenchmarkFailed: that takes longer than a minute.
        """
        deadline = time.monotonic() + _SETTLED_S
        while time.monotonic() < deadline:
            self.check()
            before = processes.cpu_seconds_of_all(self.child.pid)
            time.sleep(_REST_S)
            if abs(processes.cpu_seconds_of_all(self.child.pid) - before) < _REST_LOAD * _REST_S:
                return
        raise BenchmarkFailed(self.complaint(f"is not at rest after {_SETTLED_S} s"))

    def freeze(self) -> None:
        """Stop all its threads where they are."""
        os.kill(self.child.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.child.pid, signal.SIGCONT)

    def stop(self) -> None:
        """Ask it to end in order.

        Raises:
            BenchmarkFailed: it ended otherwise than with status 0, or not in time.
        """
        status = self.child.stop(_STOP_S)
        if status:
            raise BenchmarkFailed(self.complaint(f"stopped with status {status}"))

    def cpu_seconds(self) -> float:
        """Processor time of all its threads so far."""
        return processes.cpu_seconds(self.child.pid)

    def peak_rss_mib(self) -> float:
        """The most memory it has held resident."""
        return processes.peak_rss_mib(self.child.pid)

"""Records into a topic: a backlog at full speed, or a paced stream.

The stream is `python -m benchmarks.load BROKERS TOPIC RATE SECONDS KIND`.
"""

import json
import sys
import time
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from app.child import Child
from benchmarks.errors import BenchmarkFailed
from benchmarks.folders import ROOT
from benchmarks.percentiles import percentile
from benchmarks.races import RaceRecords
from benchmarks.records import RecordFactory, headers

_POLL_EVERY = 1000
_NS = 1_000_000_000
_END_S = 10


class Kind(StrEnum):
    """Which records."""

    ROWS = "rows"
    RACES = "races"


class Records(Protocol):
    """Makes records by their number."""

    def value(self, number: int) -> bytes:
        """The JSON of a record."""

    def key(self, number: int) -> bytes:
        """Its key."""

    def partition(self, number: int) -> int:
        """Its partition."""


def _records(kind: Kind, *, later: bool) -> Records:
    """Make records; *later* ones may follow a backlog of the same numbers."""
    return RaceRecords(turn=1 if later else 0) if kind is Kind.RACES else RecordFactory()


def write_backlog(bootstrap_servers: str, topic: str, numbers: Iterable[int], kind: Kind = Kind.ROWS) -> None:
    """Write the records of these numbers as fast as possible and return when the broker has them all."""
    producer = _producer(bootstrap_servers, linger_ms=20)
    factory = _records(kind, later=False)
    now = time.monotonic_ns()
    for number in numbers:
        _produce(producer, topic, factory, number, now)
        if number % _POLL_EVERY == 0:
            producer.poll(0)
    producer.flush()


def pace(bootstrap_servers: str, topic: str, rate: int, seconds: float, kind: Kind) -> list[int]:
    """Write *rate* records a second for *seconds*, each at its due time; return how late each one was, in nanoseconds.

    Open loop: nobody waits for answers, and a record that is late still bears the time at which it was due.
    """
    producer = _producer(bootstrap_servers, linger_ms=0)
    factory = _records(kind, later=True)
    producer.list_topics(topic)  # connects
    start = time.monotonic_ns() + _NS // 10
    lateness = []
    for number in range(int(rate * seconds)):
        due = start + number * _NS // rate
        _wait_until(due)
        lateness.append(time.monotonic_ns() - due)
        _produce(producer, topic, factory, number, due)
        producer.poll(0)
    producer.flush()
    return lateness


class Pacing:
    """pace() in a process of its own."""

    def __init__(
        self, bootstrap_servers: str, topic: str, rate: int, seconds: float, *, log: Path, kind: Kind = Kind.ROWS
    ) -> None:
        command = [sys.executable, "-m", "benchmarks.load", bootstrap_servers, topic, str(rate), str(seconds), kind]
        self._child = Child(command, log=log, folder=ROOT, piped=True)

    def lateness_p99_ms(self) -> float:
        """Wait for its end; how late its records were, 99th percentile.

        Raises:
            BenchmarkFailed: it failed.
        """
        said = list(self._child.lines())
        if self._child.wait(_END_S):
            raise BenchmarkFailed(f"the load generator failed:\n{self._child.last_lines()}")
        return float(json.loads(said[-1]))

    def end(self) -> None:
        """Let it write no more."""
        self._child.kill()


def _wait_until(due: int) -> None:
    while (left := due - time.monotonic_ns()) > 0:
        time.sleep(left / _NS)


def _produce(producer: Producer, topic: str, factory: Records, number: int, sent_at: int) -> None:
    producer.produce(
        topic,
        factory.value(number),
        factory.key(number),
        factory.partition(number),
        on_delivery=_raise,
        headers=headers(number, sent_at),
    )


def _raise(error: KafkaError, _message: Message) -> None:
    raise KafkaException(error)


def _producer(bootstrap_servers: str, *, linger_ms: int) -> Producer:
    return Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "acks": "all",
            "linger.ms": linger_ms,
            "queue.buffering.max.messages": 2_000_000,
            "delivery.report.only.error": True,
            "socket.nagle.disable": True,
        }
    )


def main(bootstrap_servers: str, topic: str, rate: int, seconds: float, kind: Kind) -> None:
    """Pace, then print the 99th percentile of the lateness in milliseconds."""
    print(json.dumps(percentile(pace(bootstrap_servers, topic, rate, seconds, kind), 99) / 1e6))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), Kind(sys.argv[5]))

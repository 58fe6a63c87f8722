"""Records into a topic: a backlog at full speed, or a paced stream.

The stream is `python -m benchmarks.load BROKERS TOPIC RATE SECONDS`.
"""

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from app.child import Child
from benchmarks.cluster import PARTITIONS
from benchmarks.errors import BenchmarkFailed
from benchmarks.folders import ROOT
from benchmarks.percentiles import percentile
from benchmarks.records import RecordFactory, headers, key

_POLL_EVERY = 1000
_NS = 1_000_000_000
_END_S = 10


def write_backlog(bootstrap_servers: str, topic: str, numbers: Iterable[int]) -> None:
    """Write the records of these numbers as fast as possible and return when the broker has them all."""
    producer = _producer(bootstrap_servers, linger_ms=20)
    factory = RecordFactory()
    now = time.monotonic_ns()
    for number in numbers:
        _produce(producer, topic, factory, number, now)
        if number % _POLL_EVERY == 0:
            producer.poll(0)
    producer.flush()


def pace(bootstrap_servers: str, topic: str, rate: int, seconds: float) -> list[int]:
    """Write *rate* records a second for *seconds*, each at its due time; return how late each one was, in nanoseconds.

    Open loop: nobody waits for answers, and a record that is late still bears the time at which it was due.
    """
    producer = _producer(bootstrap_servers, linger_ms=0)
    factory = RecordFactory()
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

    def __init__(self, bootstrap_servers: str, topic: str, rate: int, seconds: float, log: Path) -> None:
        command = [sys.executable, "-m", "benchmarks.load", bootstrap_servers, topic, str(rate), str(seconds)]
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


def _wait_until(due: int) -> None:
    while (left := due - time.monotonic_ns()) > 0:
        time.sleep(left / _NS)


def _produce(producer: Producer, topic: str, factory: RecordFactory, number: int, sent_at: int) -> None:
    value = factory.value(number)
    producer.produce(
        topic, value, key(number), number % PARTITIONS, on_delivery=_raise, headers=headers(number, sent_at)
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


def main(bootstrap_servers: str, topic: str, rate: int, seconds: float) -> None:
    """Pace, then print the 99th percentile of the lateness in milliseconds."""
    print(json.dumps(percentile(pace(bootstrap_servers, topic, rate, seconds), 99) / 1e6))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))

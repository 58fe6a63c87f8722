"""How long a record takes from the moment it was due to the moment its output was read.

Open loop: a process of its own writes records at a fixed rate, each at its due time, whatever the contender does. A
record carries its due time, and its latency counts from there. What happens while a contender warms up does not count,
nor what the service does once after its start: the process that tries new versions then imports TensorFlow.
"""

import time
from dataclasses import dataclass

from confluent_kafka import Consumer, Message

from benchmarks.contenders import Contender, Running, Stage
from benchmarks.errors import BenchmarkFailed
from benchmarks.load import Kind, Pacing
from benchmarks.peers.settings import Tuning
from benchmarks.percentiles import percentile
from benchmarks.records import SENT_AT
from benchmarks.throughput import prime
from benchmarks.watch import assigned_consumer, checked

_CHUNK = 512
_SILENCE_S = 15


@dataclass(frozen=True, slots=True)
class Latency:
    """One contender's figures of one round; the generator's lateness is part of every latency."""

    rate: int
    records: int
    p50_ms: float
    p99_ms: float
    highest_ms: float
    cpu_microseconds_per_record: float
    generator_lateness_p99_ms: float


@dataclass(frozen=True, slots=True)
class Pace:
    """How records arrive.

    Attributes:
        rate: records per second.
        warm_up_s: seconds whose records do not count.
        seconds: seconds whose records count.
    """

    rate: int
    warm_up_s: float
    seconds: float

    @property
    def uncounted(self) -> int:
        """Records of the warm-up."""
        return int(self.rate * self.warm_up_s)

    @property
    def total(self) -> int:
        """All records."""
        return int(self.rate * (self.warm_up_s + self.seconds))


def measure(stage: Stage, contender: Contender, pace: Pace, kind: Kind = Kind.ROWS) -> Latency:
    """Measure one run.

    Raises:
        BenchmarkFailed: a record has no output, or more than one.
    """
    with stage.cluster.fresh_topics() as topics, stage.run(contender, topics, Tuning.LATENCY) as running:
        prime(stage, running, topics, kind)
        running.settle()
        ends = stage.cluster.end_offsets(topics.output)
        reader = assigned_consumer(stage.cluster.bootstrap_servers, topics.output, ends)
        cpu = running.cpu_seconds()
        pacing = Pacing(
            stage.cluster.bootstrap_servers,
            topics.input,
            pace.rate,
            pace.warm_up_s + pace.seconds,
            log=stage.folder / "load.log",
            kind=kind,
        )
        latencies = _read(reader, pace, running)
        cpu = running.cpu_seconds() - cpu
        lateness = pacing.lateness_p99_ms()
        reader.close()
    return Latency(
        rate=pace.rate,
        records=len(latencies),
        p50_ms=percentile(latencies, 50),
        p99_ms=percentile(latencies, 99),
        highest_ms=max(latencies),
        cpu_microseconds_per_record=cpu / pace.total * 1e6,
        generator_lateness_p99_ms=lateness,
    )


def _read(reader: Consumer, pace: Pace, running: Running) -> list[float]:
    """Take all outputs of the paced records; return the latencies in milliseconds of those that count."""
    latencies: dict[int, float] = {}
    last = time.monotonic()
    while len(latencies) < pace.total:
        first = reader.poll(1)
        running.check()
        now = time.monotonic_ns()
        if first is not None:
            last = time.monotonic()
            for message in (first, *reader.consume(_CHUNK, 0)):
                _note(latencies, message, now)
        elif time.monotonic() - last > _SILENCE_S:
            raise BenchmarkFailed(running.complaint(f"stands still at {len(latencies)} of {pace.total} outputs"))
    return [latency for number, latency in latencies.items() if number >= pace.uncounted]


def _note(latencies: dict[int, float], output: Message, now: int) -> None:
    headers = dict(checked(output).headers())
    number = int(headers["trace"], 16)
    if number in latencies:
        raise BenchmarkFailed(f"r{number} was published again")
    latencies[number] = (now - int(headers[SENT_AT])) / 1e6

"""What it costs to bring in new versions of the model while records are ranked.

Records arrive at a fixed rate, as for latency, and versions appear in the model's folder one after the other, each
whole at once. Those that are due from a version's appearance until half a second after its first output count as
"during", all others as "outside". Every output is compared with what TensorFlow says for the version that it names.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from confluent_kafka import Consumer, Message

from benchmarks import processes
from benchmarks.answers import AnswerKey
from benchmarks.contenders import Contender, Running, Stage
from benchmarks.errors import BenchmarkFailed
from benchmarks.load import Pacing
from benchmarks.peers.settings import Tuning
from benchmarks.percentiles import percentile
from benchmarks.records import SENT_AT
from benchmarks.throughput import PRIMER, prime
from benchmarks.watch import assigned_consumer, checked, read_all

RATE = 5_000
SECONDS_PER_VERSION = 9.0
"""Longer than a version takes to be found, tried and loaded while records are ranked on two slow cores."""
_DWELL_S = 3.0
_AFTERMATH_NS = 500_000_000
# Until the broker's machine code is compiled, and the process that tries versions has imported TensorFlow.
_WARM_UP_S = 20.0
_CHUNK = 512
_SETTLED = 5
_VARIABLES = {"MODEL_POLL_SECONDS": "1", "MODEL_PROBATION_SECONDS": "0.5"}


@dataclass(frozen=True, slots=True)
class Swaps:
    """The figures of one run.

    Attributes:
        versions: how many were brought in.
        records: how many were ranked meanwhile.
        seconds_to_serve: from a version's appearance to its first output, the median.
        outside_p99_ms: latency while no version was coming in.
        during_p99_ms: latency while one was.
        longest_gap_ms: the longest time without any output.
        settled_rss_mib: memory after the first five versions.
        final_rss_mib: the most memory after any later one.
    """

    versions: int
    records: int
    seconds_to_serve: float
    outside_p99_ms: float
    during_p99_ms: float
    longest_gap_ms: float
    settled_rss_mib: float
    final_rss_mib: float


@dataclass(slots=True)
class _Seen:
    """What was read so far; times in nanoseconds of the machine's monotonic clock."""

    due: list[int] = field(default_factory=list)
    latencies: list[int] = field(default_factory=list)
    last: int = 0
    longest_gap: int = 0
    version: bytes = b""
    first_of_version: int = 0

    def note(self, output: Message, now: int) -> None:
        headers = dict(checked(output).headers())
        sent_at = int(headers[SENT_AT])
        self.due.append(sent_at)
        self.latencies.append(now - sent_at)
        if headers["model-version"] > self.version or len(headers["model-version"]) > len(self.version):
            self.version, self.first_of_version = headers["model-version"], now
        self.longest_gap = max(self.longest_gap, now - self.last) if self.last else 0
        self.last = now


def measure(stage: Stage, shelf: Path, waiting: Sequence[Path], answers: Mapping[str, AnswerKey]) -> Swaps:
    """Bring in the versions in *waiting*, one after the other.

    Args:
        stage: the broker.
        shelf: the folder that the service is given; holds the first version.
        waiting: SavedModels that are moved there; the name of each is its number.
        answers: what TensorFlow says, by version.

    Raises:
        BenchmarkFailed: a record has no output, more than one, or a wrong one; or a version did not come in.
    """
    stage = replace(stage, model_path=shelf, variables=_VARIABLES)
    seconds = _WARM_UP_S + SECONDS_PER_VERSION * len(waiting)
    with stage.cluster.fresh_topics() as topics:
        with stage.run(Contender.SERVICE, topics, Tuning.LATENCY) as running:
            prime(stage, running, topics)
            ends = stage.cluster.end_offsets(topics.output)
            reader = assigned_consumer(stage.cluster.bootstrap_servers, topics.output, ends)
            pacing = Pacing(stage.cluster.bootstrap_servers, topics.input, RATE, seconds, log=stage.folder / "load.log")
            result = _bring_in(reader, running, shelf, waiting, int(RATE * seconds))
            pacing.lateness_p99_ms()
            reader.close()
        _check(read_all(stage.cluster, topics.output), answers, result.records)
    return result


def _bring_in(reader: Consumer, running: Running, shelf: Path, waiting: Sequence[Path], total: int) -> Swaps:
    seen, windows, memory = _Seen(), list[tuple[int, int]](), list[float]()
    left = list(waiting)
    put_at, next_at = 0, time.monotonic_ns() + int(_WARM_UP_S * 1e9)
    while len(seen.due) < total:
        first = reader.poll(1)
        running.check()
        now = time.monotonic_ns()
        for message in (first, *reader.consume(_CHUNK, 0)) if first is not None else ():
            seen.note(message, now)
        if put_at and seen.first_of_version > put_at:
            windows.append((put_at, seen.first_of_version))
            put_at, next_at = 0, now + int(_DWELL_S * 1e9)
        if left and not put_at and now >= next_at:
            memory.append(processes.rss_mib(running.child.pid))
            put_at = now
            version = left.pop(0)
            version.rename(shelf / version.name)
        if first is None and now - seen.last > 15e9:
            raise BenchmarkFailed(running.complaint(f"stands still at {len(seen.due)} of {total} outputs"))
    memory.append(processes.rss_mib(running.child.pid))
    if len(windows) < len(waiting):
        raise BenchmarkFailed(running.complaint(f"served {len(windows)} of {len(waiting)} new versions"))
    return _figures(seen, windows, memory)


def _figures(seen: _Seen, windows: Sequence[tuple[int, int]], memory: Sequence[float]) -> Swaps:
    due, latencies = np.array(seen.due), np.array(seen.latencies) / 1e6
    during = np.zeros(len(due), bool)
    for start, end in windows:
        during |= (due >= start) & (due <= end + _AFTERMATH_NS)
    warm = due >= due.min() + int(_WARM_UP_S * 1e9)
    settled = min(_SETTLED, len(memory) - 2)
    return Swaps(
        versions=len(windows),
        records=len(due),
        seconds_to_serve=float(np.median([end - start for start, end in windows])) / 1e9,
        outside_p99_ms=percentile(latencies[warm & ~during].tolist(), 99),
        during_p99_ms=percentile(latencies[during].tolist(), 99),
        longest_gap_ms=seen.longest_gap / 1e6,
        settled_rss_mib=memory[settled],
        final_rss_mib=max(memory[settled + 1 :]),
    )


def _check(outputs: Iterable[Message], answers: Mapping[str, AnswerKey], paced: int) -> None:
    """Check that every record has one output, of one version, with that version's scores."""
    times = np.zeros(paced, np.int32)
    times[:PRIMER] -= 1  # the first numbers came before, too
    by_version: dict[str, tuple[list[int], list[Any]]] = {}
    for message in outputs:
        value = orjson.loads(message.value())
        number = int(value["id"][1:])
        times[number] += 1
        if dict(message.headers())["model-version"].decode() != value["model_version"]:
            raise BenchmarkFailed(f"r{number} names two versions")
        numbers, predictions = by_version.setdefault(value["model_version"], ([], []))
        numbers.append(number)
        predictions.append(value["predictions"])
    if not (times == 1).all():
        raise BenchmarkFailed(f"{(times < 1).sum()} records have no output, {(times > 1).sum()} more than one")
    for version, (numbers, predictions) in by_version.items():
        answers[version].check_scores(f"version {version}", np.array(numbers), predictions)

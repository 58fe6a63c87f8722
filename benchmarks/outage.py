"""How soon rankings are current again after nobody has ranked for a while.

Records of races arrive at a fixed rate, whatever happens. The service is stopped in order, and started again so long
afterwards. From the moment when `/readyz` says 200 it is measured how long it takes until the ranking of every race is
current: until one was read that leaves out no record of the race which had been due more than a second before.
"""

import time
from dataclasses import dataclass, replace

from confluent_kafka import Consumer

from benchmarks import races
from benchmarks.contenders import Contender, Running, Stage
from benchmarks.errors import BenchmarkFailed
from benchmarks.load import Kind, Pacing
from benchmarks.peers.settings import Tuning
from benchmarks.reading import seconds_to_read
from benchmarks.records import SENT_AT
from benchmarks.startup import wait_until_ready
from benchmarks.watch import assigned_consumer, checked

RATE = 2_000
_WARM_UP_S = 10.0
_RECOVERY_S = 60.0
_NS = 1_000_000_000
_CURRENT_NS = _NS
_CHUNK = 512
_READINGS = 3


@dataclass(frozen=True, slots=True)
class Outage:
    """The figures of one run.

    Attributes:
        conflated: whether only the newest waiting record of each horse was scored.
        stopped_s: how long the service was not there, less the time that it took to start.
        waiting: how many records waited when it was ready.
        current_s: seconds from then until the ranking of every race was current.
        published: rankings read until then.
        read_s: seconds that a plain aiokafka loop takes afterwards, when nothing else runs, to read as many records and
            do nothing with them; the lowest of three. No bound: the service does without much of what such a loop does.
    """

    conflated: bool
    stopped_s: float
    waiting: int
    current_s: float
    published: int
    read_s: float


def measure(stage: Stage, *, conflated: bool, stopped_s: float) -> Outage:
    """Measure one run.

    Raises:
        BenchmarkFailed: rankings were not current within a minute, or reading alone took as long.
    """
    variables = {**stage.variables, **races.VARIABLES, "STANDINGS_CONFLATE": str(conflated).lower()}
    stage = replace(stage, model_path=races.model(), variables=variables)
    records = races.RaceRecords()
    seconds = _WARM_UP_S + stopped_s + _RECOVERY_S
    with stage.cluster.fresh_topics() as topics:
        servers, log = stage.cluster.bootstrap_servers, stage.folder / "load.log"
        with stage.run(Contender.SERVICE, topics, Tuning.LATENCY) as running:
            wait_until_ready(running)
            pacing = Pacing(servers, topics.input, RATE, seconds, log=log, kind=Kind.RACES)
            try:
                time.sleep(_WARM_UP_S)
            except BaseException:
                pacing.end()
                raise
        try:
            time.sleep(stopped_s)
            reader = assigned_consumer(servers, topics.output, stage.cluster.end_offsets(topics.output))
            with stage.run(Contender.SERVICE, topics, Tuning.LATENCY) as running:
                wait_until_ready(running)
                ready = time.monotonic_ns()
                waiting = stage.cluster.count(topics.input) - stage.cluster.committed(topics)
                current_ns, published = _until_current(reader, running, records)
            reader.close()
        finally:
            pacing.end()
        read_s = min(seconds_to_read(servers, topics.input, waiting) for _ in range(_READINGS))
    return Outage(conflated, stopped_s, waiting, max(0, current_ns - ready) / 1e9, published, read_s)


def _until_current(reader: Consumer, running: Running, records: races.RaceRecords) -> tuple[int, int]:
    """When the last race became current, by the machine's monotonic clock, and how many rankings were read by then."""
    current: set[bytes] = set()
    published = 0
    deadline = time.monotonic() + _RECOVERY_S
    while len(current) < races.RACES:
        running.check()
        if time.monotonic() > deadline:
            raise BenchmarkFailed(running.complaint(f"has {len(current)} races current after {_RECOVERY_S:.0f} s"))
        for message in reader.consume(_CHUNK, 0.01):
            published += 1
            headers = dict(checked(message).headers())
            number, due = int(headers["trace"], 16), int(headers[SENT_AT])
            if is_current(records.until_next(number), due, time.monotonic_ns()):
                current.add(message.key())
    return time.monotonic_ns(), published


def is_current(until_next: int, due: int, now: int) -> bool:
    """Whether a ranking tells at *now* what a race was like a second before at most; times in nanoseconds.

    A race of which nothing new has come stays current.

    Args:
        until_next: how many records after the one that the ranking answers the next one of its race comes.
        due: when the one that it answers was due.
        now: when the ranking was read.
    """
    return now - (due + until_next * _NS // RATE) <= _CURRENT_NS

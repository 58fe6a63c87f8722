"""How fast a contender works off a backlog, and what that costs.

The contender is started on an empty topic and ranks a few records, so that its model is warm, its group joined and its
connections open. Then it is frozen (SIGSTOP) while the backlog is written, and thawed. What follows is measured:

* records per second: the backlog over the time from the thaw to the broker's time stamp of the last output; in
  transactions to the moment when all offsets were seen to be committed, with which the outputs become visible;
* processor time per record: user and system time of all its threads from the thaw until the outputs are complete.

Freezing keeps three errors out that a running or a freshly started contender would bring: the writer of the backlog
does not compete with it for the cores, no start-up is counted, and no client fetches records ahead before the clock
runs, which would make the one that fetches most look cheap. A second or two of standstill disturbs no consumer group.
All contenders are treated alike.
"""

import time
from dataclasses import dataclass

from confluent_kafka import Message

from benchmarks.answers import AnswerKey
from benchmarks.cluster import Topics
from benchmarks.contenders import Contender, Running, Stage
from benchmarks.errors import BenchmarkFailed
from benchmarks.load import write_backlog
from benchmarks.peers.settings import Tuning
from benchmarks.watch import read_all, wait_for_outputs

PRIMER = 2048
"""Records that warm a contender up: full batches and partly filled ones."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """One contender's figures of one round."""

    records: int
    seconds: float
    records_per_second: float
    cpu_microseconds_per_record: float
    peak_rss_mib: float


def measure(stage: Stage, contender: Contender, records: int, answers: AnswerKey) -> Throughput:
    """Measure one run of *records* and check every output.

    Raises:
        BenchmarkFailed: it did not publish each record once, with the right answer, or did not commit them all.
    """
    total = PRIMER + records
    with stage.cluster.fresh_topics() as topics:
        with stage.run(contender, topics, Tuning.THROUGHPUT) as running:
            prime(stage, running, topics)
            result = _work_off(stage, running, topics, records)
        if (committed := stage.cluster.committed(topics)) != total:
            raise BenchmarkFailed(f"{contender.full_name}: {committed} of {total} records are committed")
        outputs = read_all(stage.cluster, topics.output)
        answers.check(contender.full_name, outputs, total, ranked=contender.ranks)
    return result


def prime(stage: Stage, running: Running, topics: Topics) -> None:
    """Let a contender rank the first records, and return when it has."""
    write_backlog(stage.cluster.bootstrap_servers, topics.input, range(PRIMER))
    wait_for_outputs(stage.cluster, topics, PRIMER, running)


def _work_off(stage: Stage, running: Running, topics: Topics, records: int) -> Throughput:
    running.freeze()
    write_backlog(stage.cluster.bootstrap_servers, topics.input, range(PRIMER, PRIMER + records))
    cpu = running.cpu_seconds()
    began = time.time()
    running.thaw()
    wait_for_outputs(stage.cluster, topics, PRIMER + records, running)
    seen = time.time()
    cpu = running.cpu_seconds() - cpu
    # A transaction's outputs are stamped before they can be seen, so there the moment counts in which they were.
    last = seen if running.contender.transactional else max(map(_stamped, read_all(stage.cluster, topics.output)))
    seconds = last - began
    return Throughput(
        records=records,
        seconds=seconds,
        records_per_second=records / seconds,
        cpu_microseconds_per_record=cpu / records * 1e6,
        peak_rss_mib=running.peak_rss_mib(),
    )


def _stamped(output: Message) -> float:
    _kind, milliseconds = output.timestamp()
    return float(milliseconds) / 1000

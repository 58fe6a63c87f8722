"""How much more memory the service takes when very much waits for it.

The backlog is written first; then the service is started on it, from nothing, and works it off. Its peak is what Linux
calls VmHWM, start-up included.
"""

from dataclasses import dataclass

from benchmarks.contenders import Contender, Stage
from benchmarks.load import write_backlog
from benchmarks.peers.settings import Tuning
from benchmarks.watch import wait_for_outputs


@dataclass(frozen=True, slots=True)
class Memory:
    """One run."""

    waiting_records: int
    peak_rss_mib: float


def measure(stage: Stage, records: int) -> Memory:
    """Measure the service with *records* waiting."""
    with stage.cluster.fresh_topics() as topics:
        write_backlog(stage.cluster.bootstrap_servers, topics.input, range(records))
        with stage.run(Contender.SERVICE, topics, Tuning.THROUGHPUT) as running:
            wait_for_outputs(stage.cluster, topics, records, running)
            return Memory(records, running.peak_rss_mib())

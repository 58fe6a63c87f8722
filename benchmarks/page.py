"""What open pages cost the stream.

One service works off one backlog, and meanwhile a hundred pages are opened, closed, opened and closed again, every two
seconds. What is compared lies side by side, so that neither starts nor whatever else this machine does comes between:

* records per second, by what came into the output topic in a window;
* processor time per record: of all the service's threads in the same window.

The pages are read on this machine too, by a process that competes for its cores with the service and the broker.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from benchmarks.answers import AnswerKey
from benchmarks.cluster import Topics
from benchmarks.contenders import Contender, Running, Stage
from benchmarks.load import write_backlog
from benchmarks.peers.settings import Tuning
from benchmarks.throughput import PRIMER
from benchmarks.watch import read_all, wait_for_outputs
from benchmarks.watchers import watched

PAGES = 100
WINDOW_S = 2.0
_SETTLE_S = 0.3
# All that a page can ask for.
_VARIABLES = {"PAGE_SHOWS_RECORDS": "true", "PAGE_FIELDS": '["id"]', "PAGE_SCORES_AS": "softmax"}


@dataclass(frozen=True, slots=True)
class Window:
    """The figures of two seconds with so many open pages."""

    pages: int
    records: int
    records_per_second: float
    cpu_microseconds_per_record: float


def measure(stage: Stage, records: int, answers: AnswerKey) -> list[Window]:
    """Measure until the backlog of *records* is worked off, as many windows with pages as without, and check it all.

    Raises:
        BenchmarkFailed: the pages were sent nothing, or a record has no output, more than one or a wrong one.
    """
    stage = replace(stage, variables=_VARIABLES)
    with stage.cluster.fresh_topics() as topics:
        write_backlog(stage.cluster.bootstrap_servers, topics.input, range(records))
        with stage.run(Contender.SERVICE, topics, Tuning.THROUGHPUT) as running:
            # More than it takes until machine code is compiled and fetching runs at full width.
            wait_for_outputs(stage.cluster, topics, 20 * PRIMER, running)
            windows = list(_windows(stage, running, topics, records))
            wait_for_outputs(stage.cluster, topics, records, running)
        answers.check("service", read_all(stage.cluster, topics.output), records, ranked=True)
    return windows[: len(windows) // 4 * 4]


def _windows(stage: Stage, running: Running, topics: Topics, records: int) -> Iterator[Window]:
    turn = 0
    while True:
        # None, some, some, none: what grows or falls steadily meanwhile cancels out.
        pages = PAGES if turn % 4 in {1, 2} else 0
        with watched(running.port, pages, stage.folder / "watchers.log"):
            time.sleep(_SETTLE_S)
            window = _window(stage, running, topics, pages)
        if stage.cluster.count(topics.output) == records:
            return
        yield window
        turn += 1


def _window(stage: Stage, running: Running, topics: Topics, pages: int) -> Window:
    before, cpu, began = stage.cluster.count(topics.output), running.cpu_seconds(), time.monotonic()
    time.sleep(WINDOW_S)
    done, seconds = stage.cluster.count(topics.output) - before, time.monotonic() - began
    return Window(pages, done, done / seconds, (running.cpu_seconds() - cpu) / max(done, 1) * 1e6)

"""What open pages cost the stream: a backlog worked off while nobody watches, and while a hundred pages do."""

from dataclasses import replace

from benchmarks import throughput
from benchmarks.answers import AnswerKey
from benchmarks.contenders import Contender, Stage
from benchmarks.throughput import Throughput
from benchmarks.watchers import watched

PAGES = (0, 100)
# All that a page can ask for.
_VARIABLES = {"PAGE_SHOWS_RECORDS": "true", "PAGE_FIELDS": '["id"]', "PAGE_SCORES_AS": "softmax"}


def measure(stage: Stage, pages: int, records: int, answers: AnswerKey) -> Throughput:
    """Measure one run of *records* with so many open *pages*, which are read on this machine too.

    Raises:
        BenchmarkFailed: as `throughput.measure`, or a page was sent nothing.
    """
    stage = replace(stage, variables=_VARIABLES)
    return throughput.measure(
        stage,
        Contender.SERVICE,
        records,
        answers,
        beside=lambda running: watched(running.port, pages, stage.folder / "watchers.log"),
    )

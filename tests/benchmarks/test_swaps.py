"""The arithmetic of the part about versions."""

from typing import Any

import numpy as np
import orjson
import pytest

from benchmarks.answers import AnswerKey
from benchmarks.errors import BenchmarkFailed
from benchmarks.records import DISTINCT
from benchmarks.swaps import _WARM_UP_S, _check, _figures, _Seen
from benchmarks.throughput import PRIMER

SECOND = 10**9
WARM = int(_WARM_UP_S * SECOND)


def test_latencies_count_as_during_from_a_versions_appearance_to_half_a_second_after_its_first_output() -> None:
    seen = _Seen()
    for place in range(100):
        seen.due.append(WARM * 2 * place // 100)
        seen.latencies.append(5_000_000)
    start = seen.due[80]
    windows = [(start, start + SECOND)]
    for place, due in enumerate(seen.due):
        if start <= due <= start + SECOND + SECOND // 2:
            seen.latencies[place] = 9_000_000
    seen.latencies[3] = 70_000_000  # while everything warmed up
    seen.longest_gap = 40_000_000
    figures = _figures(seen, windows, [100.0, 110.0, 120.0])
    assert (figures.outside_p99_ms, figures.during_p99_ms) == (5.0, 9.0)
    assert (figures.versions, figures.records, figures.seconds_to_serve, figures.longest_gap_ms) == (1, 100, 1.0, 40.0)


def test_memory_is_compared_with_what_it_was_after_the_first_five() -> None:
    seen = _Seen(due=[0, WARM * 2], latencies=[1, 1])
    windows = [(0, 1)] * 8
    figures = _figures(seen, windows, [100.0, 150.0, 160.0, 170.0, 180.0, 190.0, 191.0, 195.0, 192.0])
    assert (figures.settled_rss_mib, figures.final_rss_mib) == (190.0, 195.0)


class Output:
    def __init__(self, number: int, version: str, header: str, score: float) -> None:
        predictions = [{"label": "0", "score": score}]
        self._value = orjson.dumps({"id": f"r{number}", "model_version": version, "predictions": predictions})
        self._header = header

    def value(self) -> bytes:
        return self._value

    def headers(self) -> list[tuple[str, bytes]]:
        return [("model-version", self._header.encode())]


def key(score: float) -> AnswerKey:
    return AnswerKey(np.full((DISTINCT, 1), score, np.float32), 1, on_gpu=False)


ANSWERS = {"1": key(0.25), "2": key(0.5)}


def outputs(*, change: Any = lambda outputs: None) -> list[Any]:
    numbers = [*range(PRIMER), *range(PRIMER + 10)]
    made = [Output(number, "1", "1", 0.25) for number in numbers[:-5]]
    made += [Output(number, "2", "2", 0.5) for number in numbers[-5:]]
    change(made)
    return made


def test_right_outputs_of_several_versions_pass() -> None:
    _check(outputs(), ANSWERS, PRIMER + 10)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda made: made.pop(), "1 records have no output, 0 more than one"),
        (lambda made: made.append(made[-1]), "0 records have no output, 1 more than one"),
        (lambda made: made.append(Output(3, "1", "2", 0.25)), "r3 names two versions"),
        (lambda made: made.__setitem__(-1, Output(PRIMER + 9, "2", "2", 0.25)), "version 2: scores differ"),
    ],
)
def test_wrong_outputs_are_told(change: Any, complaint: str) -> None:
    with pytest.raises(BenchmarkFailed, match=complaint):
        _check(outputs(change=change), ANSWERS, PRIMER + 10)

"""How long a model takes for batches of several sizes, on this machine."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median

from models.described import Described

_SECONDS = 0.3
_CALLS = 50


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a batch of so many rows took: the median, in seconds."""

    rows: int
    seconds: float


def time_batches(predictor: Described, sizes: Iterable[int]) -> Iterator[Timing]:
    """Yield the time of each of *sizes*: of 1 to 50 calls within 0.3 s, after one that does not count."""
    for rows in sizes:
        columns = predictor.known_good_rows(rows)
        predictor.predict(columns)
        seconds: list[float] = []
        until = time.perf_counter() + _SECONDS
        while not seconds or (time.perf_counter() < until and len(seconds) < _CALLS):
            began = time.perf_counter()
            predictor.predict(columns)
            seconds.append(time.perf_counter() - began)
        yield Timing(rows, median(seconds))

"""What is known of the time that a call takes, by its rows: learned from the calls themselves."""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# Of the last calls of a size; enough to see past chance, few enough to notice in a moment that a model has slowed down.
MEMORY = 32
# What nothing has confirmed for so long is forgotten: a size once found slow is not chosen, and could never mend that.
FORGET_SECONDS = 60.0
# Above the mean, in mean deviations: about what one call in twenty exceeds. More would make batches needlessly small.
MARGIN = 2.0
# A call beyond that has met with something else than its rows: a swap, a collection of garbage, another process.
OUTLIER = 4.0

# No call takes less; a clock may say so.
LEAST_SECONDS = 1e-6


@dataclass(slots=True)
class _Size:
    """The calls whose rows fall between two bounds: their rows and seconds on average, and how far those lie apart."""

    rows: float
    seconds: float
    deviation: float
    seen_at: float
    calls: int = 1
    strange: bool = False

    def add(self, rows: int, seconds: float, expected: float, now: float) -> None:
        most = max(expected + OUTLIER * self.deviation, 2 * expected)
        # Two strange calls in a row are the new rule.
        self.strange = seconds > most and not self.strange
        taken = most if self.strange else seconds
        self.calls = min(self.calls + 1, MEMORY)
        share = 1 / self.calls
        # From what is expected of so many rows: the mean is of calls with fewer and with more.
        self.deviation += share * (abs(taken - expected) - self.deviation)
        self.rows += share * (rows - self.rows)
        self.seconds += share * (taken - self.seconds)
        self.seen_at = now


class CallTimes:
    """The seconds that a call of so many rows takes; more rows never take less.

    Args:
        sizes: ascending. Calls of more rows than one of them and no more than the next are learned as one.
        padded: whether a call of rows between two sizes takes as long as one of the larger, since it is filled up.
        clock: seconds that only grow.
    """

    def __init__(
        self, sizes: Sequence[int], *, padded: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sizes = sizes
        self._padded = padded
        self._clock = clock
        self._seen: dict[int, _Size] = {}
        self._rows: list[float] = []
        self._means: list[float] = []
        self._highs: list[float] = []
        self._slope = 0.0

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return bool(self._rows)

    @property
    def largest(self) -> int:
        """The size that the largest calls known fall under; 0 when nothing is known."""
        return self._sizes[max(self._seen)] if self._seen else 0

    @property
    def known_up_to(self) -> float:
        """The rows of the largest calls known, on average; 0 when nothing is known."""
        return self._rows[-1] if self._rows else 0.0

    def saw(self, rows: int, seconds: float) -> None:
        """Learn from a call."""
        now, seconds = self._clock(), max(seconds, LEAST_SECONDS)
        place = min(bisect_left(self._sizes, rows), len(self._sizes) - 1)
        if (size := self._seen.get(place)) is None:
            self._seen[place] = _Size(self._filled(rows), seconds, seconds / 4, now)
        else:
            size.add(self._filled(rows), seconds, self.mean(rows), now)
        self._seen = {place: size for place, size in self._seen.items() if now - size.seen_at < FORGET_SECONDS}
        self._draw()

    def mean(self, rows: int) -> float:
        """The seconds that a call of *rows* rows takes on average; 0 when nothing is known."""
        return self._read(self._means, rows, self._slope)

    def high(self, rows: int) -> float:
        """The seconds that few calls of *rows* rows exceed; 0 when nothing is known."""
        return self._read(self._highs, rows, self._highs[-1] / self._rows[-1] if self._rows else 0.0)

    def _filled(self, rows: int) -> int:
        if not self._padded:
            return rows
        return self._sizes[min(bisect_left(self._sizes, rows), len(self._sizes) - 1)]

    def _draw(self) -> None:
        known = [self._seen[place] for place in sorted(self._seen)]
        calls = [size.calls for size in known]
        self._rows = [size.rows for size in known]
        self._means = rising([size.seconds for size in known], calls)
        self._slope = self._growth()
        self._highs = rising([size.seconds + MARGIN * size.deviation for size in known], calls)

    def _growth(self) -> float:
        """The seconds that one more row costs, by the largest calls known; over a stretch that outweighs chance."""
        place = bisect_right(self._rows, self._rows[-1] / 2) - 1
        if place < 0:
            return 0.0
        return (self._means[-1] - self._means[place]) / (self._rows[-1] - self._rows[place])

    def _read(self, curve: Sequence[float], rows: int, slope: float) -> float:
        rows, known = self._filled(rows), self._rows
        if not known:
            return 0.0
        place = bisect_left(known, rows)
        if place == 0:
            return curve[0]
        if place == len(known):
            return curve[-1] + slope * (rows - known[-1])
        share = (rows - known[place - 1]) / (known[place] - known[place - 1])
        return curve[place - 1] + share * (curve[place] - curve[place - 1])


def rising(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the values nearest to *values* that never fall: neighbours that do are given their weighted mean."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        mean, total, count = value, float(weight), 1
        while pools and pools[-1][0] > mean:
            before, more, others = pools.pop()
            mean = (mean * total + before * more) / (total + more)
            total, count = total + more, count + others
        pools.append((mean, total, count))
    return [mean for mean, _, count in pools for _ in range(count)]

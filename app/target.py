"""How many rows the next batch takes so that latency keeps to a target."""

import time
import weakref
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from app.call_times import CallTimes

# Where nothing is known: not so large that the first call of a slow model holds up all others, not so small that
# finding out takes long.
FIRST_ROWS = 16
# Of the best rate. What a batch is cut down to for the sake of its oldest row must leave so much, or the queue grows
# and all are late.
LEAST_RATE = 0.92
# Of the best rate. Two sizes that differ by less than that are as good: the learned times are not more exact.
AS_GOOD = 0.97
# Of the size in question. What was learned of calls that were smaller than that says too little about it: it is tried
# where all rows are on time even at worst, and where all are late anyway.
KNOWN = 0.7
# A batch takes so much more than suffices rather than leave a few rows for a call of their own.
ROUNDING = 1.25
# Models and shapes of rows that are remembered; beyond, those that were used the longest ago are forgotten.
MOST_KNOWN = 64


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits when a batch is to leave.

    Attributes:
        key: of the rows that the batch takes.
        rows: how many wait, of any key.
        oldest: the seconds that the oldest has waited.
        newest: the seconds that the newest has waited.
        running: batches that run meanwhile.
    """

    key: Hashable
    rows: int
    oldest: float
    newest: float
    running: int


@dataclass(frozen=True, slots=True)
class _Efficient:
    """Rows per second at best, and sizes: the least that may be, the smallest that is as good as any, the best."""

    rate: float
    least: int
    enough: int
    best: int


class LatencyTarget:
    """Chooses the sizes of batches by what it learns of the time that they take.

    All that waits goes at once when that keeps the oldest row on time, in several batches where a smaller one is as
    efficient, since then nobody waits for the others' rows. Otherwise the batch is as large as keeps the oldest row on
    time, but not so small that the queue would grow. When even the row that came last cannot be on time any more, the
    size with the best rate ends that the soonest.

    Args:
        seconds: from a row's arrival to its answer.
        sizes: that batches are told apart by, ascending; the last is the largest that there may be.
        padded: whether the model fills batches up to one of *sizes*.
        slots: batches that may run at once.
        suspended: whether latency does not matter at the moment.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        seconds: float,
        *,
        sizes: Sequence[int],
        padded: bool = False,
        slots: int = 1,
        suspended: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds = seconds
        self._sizes = sizes
        self._padded = padded
        self._slots = slots
        self._suspended = suspended
        self._clock = clock
        self._known: OrderedDict[Hashable, tuple[CallTimes, CallTimes]] = OrderedDict()

    def rows(self, queue: Queue, limit: int) -> int:
        """How many rows the next batch takes at most: at least 1, at most *limit*."""
        if self._suspended():
            return limit
        times = self._times(queue.key, queue.running)
        if not times:
            return min(limit, FIRST_ROWS)
        # What is not known is found out by doubling.
        reach = min(limit, 2 * times.largest)
        most = min(queue.rows, reach)
        is_known = times.known_up_to >= KNOWN * reach
        efficient = self._efficient(times, reach)
        on_time = bisect_right(range(1, most + 1), self.seconds - queue.oldest, key=times.high)
        if on_time == most:
            goes_whole = most <= ROUNDING * efficient.enough or (most == reach and not is_known)
            return most if goes_whole else efficient.enough
        if queue.newest + queue.rows / (self._slots * efficient.rate) > self.seconds:
            return efficient.best if is_known else reach
        return max(efficient.least, min(on_time, efficient.enough))

    def took(self, key: Hashable, rows: int, running: int, seconds: float) -> None:
        """Learn that a batch of *rows* rows that began beside *running* others took *seconds*."""
        self._pair(key)[running > 0].saw(rows, seconds)

    def spare(self, queue: Queue) -> float:
        """The seconds for which the rows that wait may go on waiting for company."""
        return self.seconds - queue.oldest - self._times(queue.key, queue.running).high(queue.rows)

    def _efficient(self, times: CallTimes, most: int) -> _Efficient:
        rates = {size: size / times.mean(size) for size in self._sizes[: bisect_left(self._sizes, most)]}
        rates[most] = most / times.mean(most)
        best = max(rates, key=rates.__getitem__)
        rate = rates[best]
        enough = next(size for size in rates if rates[size] >= AS_GOOD * rate)
        least = next(size for size in rates if rates[size] >= LEAST_RATE * rate)
        return _Efficient(rate, least, enough, best)

    def _times(self, key: Hashable, running: int) -> CallTimes:
        alone, beside = self._pair(key)
        return (beside or alone) if running else (alone or beside)

    def _pair(self, key: Hashable) -> tuple[CallTimes, CallTimes]:
        known = self._known
        key = _weakly(key)
        if (pair := known.get(key)) is None:
            pair = known[key] = (self._new(), self._new())
            if len(known) > MOST_KNOWN:
                known.popitem(last=False)
        known.move_to_end(key)
        return pair

    def _new(self) -> CallTimes:
        return CallTimes(self._sizes, padded=self._padded, clock=self._clock)


def doubling(most: int) -> tuple[int, ...]:
    """Return 1, 2, 4 and so on, and *most* at the end."""
    return (*(1 << power for power in range((most - 1).bit_length())), most)


def _weakly(key: Hashable) -> Hashable:
    """*key*, without keeping alive what is in it: what is known of a model must not keep it in memory."""
    return tuple(map(_weak, key)) if isinstance(key, tuple) else _weak(key)


def _weak(part: Hashable) -> Hashable:
    try:
        return weakref.ref(part)
    except TypeError:
        return part

"""What went into the input topic, what came out of the others, and how long it took."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

_RECENT = 1000  # rankings that the figures shown while it runs are taken from

Place = tuple[int, int]
"""Partition and offset of a record in the input topic."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The tally at one moment.

    Attributes:
        total: records to be sent in all.
        sent: records sent so far.
        answered: records of which it is known what became of them.
        rate: records answered per second, lately.
        p50, p99: latency in milliseconds, lately; 0 before the first.
    """

    total: int
    sent: int
    answered: int
    rate: float
    p50: float
    p99: float

    @property
    def waiting(self) -> int:
        """Records sent and not answered yet."""
        return self.sent - self.answered


class Tally:
    """Counts records by their place in the input; all times are seconds of one clock.

    A record is answered by a ranking or a tombstone of its own, by a dead letter, or by being named among those that
    were superseded. What answers it may be read before the broker's confirmation tells where the record lies.

    Args:
        total: records to be sent in all.

    Attributes:
        rankings, tombstones, dead_letters, superseded: answers of each kind.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.rankings = self.tombstones = self.dead_letters = self.superseded = 0
        self._due: list[float] = []
        self._numbers: dict[Place, int] = {}
        self._ends: set[Place] = set()
        self._answers: Counter[Place] = Counter()
        self._answered = 0
        self._claimed: dict[Place, int] = {}
        self._ended: set[Place] = set()
        self._latencies: list[float] = []
        self._last_read = 0.0
        self._pace: deque[tuple[float, int]] = deque(maxlen=20)

    # -- what goes in

    def sent(self, due: float) -> None:
        """Note that the next record was sent; *due* is when it should have been, however late we were."""
        self._due.append(due)

    def placed(self, number: int, place: Place, *, ends_race: bool = False) -> None:
        """Note where the broker has put record *number*, and whether it is a tombstone."""
        self._numbers[place] = number
        self._answered += place in self._answers
        if ends_race:
            self._ends.add(place)

    # -- what comes out

    def ranked(self, number: int, place: Place, now: float) -> bool:
        """Note a ranking of record *number*, which by its headers lies at *place*; False when it is not the first."""
        self.rankings += 1
        first = self._answer(place, now)
        self._claimed[place] = number
        if first and 0 <= number < len(self._due):
            self._latencies.append(now - self._due[number])
        return first

    def ended(self, place: Place, now: float) -> None:
        """Note a tombstone."""
        self.tombstones += 1
        self._ended.add(place)
        self._answer(place, now)

    def dead_lettered(self, place: Place, now: float) -> None:
        """Note a dead letter."""
        self.dead_letters += 1
        self._answer(place, now)

    def overtaken(self, places: Iterable[Place], now: float) -> None:
        """Note records that were superseded."""
        for place in places:
            self.superseded += 1
            self._answer(place, now)

    def _answer(self, place: Place, now: float) -> bool:
        self._last_read = now
        self._answers[place] += 1
        first = self._answers[place] == 1
        self._answered += first and place in self._numbers
        return first

    # -- what is to be said of it

    @property
    def complete(self) -> bool:
        """Whether all records are sent, confirmed and answered."""
        return self._answered == self.total

    @property
    def repeated(self) -> int:
        """Answers beyond the first of a record."""
        return self._answers.total() - len(self._answers)

    @property
    def foreign(self) -> int:
        """Answers of records that were not sent, and rankings that name another record than the one they answer."""
        unknown = sum(place not in self._numbers for place in self._answers)
        return unknown + sum(self._numbers.get(place, number) != number for place, number in self._claimed.items())

    @property
    def unended(self) -> int:
        """Tombstones that did not come out as such, and tombstones that answer something else."""
        return len(self._ended ^ self._ends)

    @property
    def missing(self) -> int:
        """Records without an answer."""
        return self.total - self._answered

    @property
    def records_a_second(self) -> float:
        """Records answered per second, from when the first was due until the last answer was read."""
        seconds = self._last_read - self._due[0] if self._due else 0.0
        return self._answered / seconds if seconds > 0 else 0.0

    def latency_ms(self, *percentiles: float, last: int = 0) -> tuple[float, ...]:
        """Latency of the *last* rankings (0: all) in milliseconds, from when a record was due until it was read."""
        latencies = self._latencies[-last:]
        if not latencies:
            return (0.0,) * len(percentiles)
        return tuple(float(value) * 1000 for value in np.percentile(latencies, percentiles))

    def figures(self, now: float) -> Figures:
        """Return what the screen shows now."""
        self._pace.append((now, self._answered))
        (since, before), (until, after) = self._pace[0], self._pace[-1]
        p50, p99 = self.latency_ms(50, 99, last=_RECENT)
        rate = (after - before) / (until - since) if until > since else 0.0
        return Figures(self.total, len(self._due), self._answered, rate, p50, p99)

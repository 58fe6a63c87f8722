"""How long the pauses are before something that failed is tried again."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count


@dataclass(frozen=True, slots=True)
class Backoff:
    """So many pauses that double, each up to half as long again or half as short by chance.

    By default five, of 4.7 s in all on average.

    Attributes:
        first_seconds: the first pause, before chance has its say.
        pauses: how many there are, one before each further attempt.
    """

    first_seconds: float = 0.15
    pauses: int = 5

    def __iter__(self) -> Iterator[float]:
        """Yield the seconds of one pause after the other."""
        return (_by_chance(self.first_seconds * 2.0**number) for number in range(self.pauses))


def endless_pauses(first_seconds: float, longest_seconds: float) -> Iterator[float]:
    """Yield pauses without end: they double until the longest is reached, each up to half as long again or as short."""
    doublings = (first_seconds * 2.0 ** min(number, 60) for number in count())
    return (_by_chance(min(seconds, longest_seconds)) for seconds in doublings)


def _by_chance(seconds: float) -> float:
    # So that workers that failed together do not come back together.
    return seconds * random.uniform(0.5, 1.5)  # noqa: S311 - no secret

"""How often something that failed is tried again, and how long the pauses are."""

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses that double, each up to half as long again or half as short by chance.

    By default five, of 4.7 s in all on average.

    Attributes:
        first_seconds: the first pause, before chance has its say.
        pauses: how many there are, one before each further attempt.
    """

    first_seconds: float = 0.15
    pauses: int = 5

    def __iter__(self) -> Iterator[float]:
        """Yield the seconds of one pause after the other."""
        # By chance, so that workers that failed together do not come back together.
        for number in range(self.pauses):
            yield self.first_seconds * 2**number * random.uniform(0.5, 1.5)  # noqa: S311 - no secret

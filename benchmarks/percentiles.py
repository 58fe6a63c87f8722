"""Percentiles, ratios and spreads: the arithmetic of the report."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


def percentile(values: Sequence[float], rank: float) -> float:
    """The smallest of *values* that is no less than *rank* per cent of them (nearest rank).

    Raises:
        ValueError: there are no values, or *rank* is not above 0 and at most 100.
    """
    if not values or not 0 < rank <= 100:
        raise ValueError(f"no {rank}th percentile of {len(values)} values")
    return sorted(values)[math.ceil(len(values) * rank / 100) - 1]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some figures, and how far they lie apart."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of at least one value."""
        return cls(median(values), min(values), max(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """The spread of ours / theirs, round by round: what slows a whole round down cancels out.

    Raises:
        ValueError: the rounds do not pair up.
    """
    return Spread.of([our / their for our, their in zip(ours, theirs, strict=True)])

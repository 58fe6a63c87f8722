"""How well strengths foretell the end of races, by quarter of the race, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from models.race.race import Booleans, Floats, Integers, Race

QUARTERS = 4
RESAMPLES = 2000
_MEASURES = ("spearman", "winner", "finished")


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean, and between which values 95 % of the means lie when races are drawn again at random.

    Without anything to measure all are NaN; what fewer than two races tell has a mean and no bounds.
    """

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        if np.isnan(self.mean):
            return "none"
        bounds = "" if np.isnan(self.low) else f" [{self.low:.3f}, {self.high:.3f}]"
        return f"{self.mean:.3f}{bounds}"


@dataclass(frozen=True, slots=True)
class Score:
    """Figures of one way to foretell: of each quarter of the race, and of the whole race as the last.

    Attributes:
        spearman: mean correlation with the order at the end.
        winner: how often the strongest one won.
        finished: as `spearman`, but among those alone who got to the end, which nobody knows before.
    """

    spearman: tuple[Figure, ...]
    winner: tuple[Figure, ...]
    finished: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """What the figures of `Score` are means of: for each race `[M]`, NaN where there is nothing to measure."""

    spearman: list[Floats]
    winner: list[Floats]
    finished: list[Floats]

    def minus(self, other: Self) -> Self:
        """Return by how much this is better than *other*, moment by moment."""
        pairs = [zip(getattr(self, name), getattr(other, name), strict=True) for name in _MEASURES]
        return type(self)(*([mine - theirs for mine, theirs in pair] for pair in pairs))


def measure(
    races: Sequence[Race],
    strengths: Sequence[npt.NDArray[np.floating]],
    winners: Sequence[npt.NDArray[np.floating]] | None = None,
) -> Measured:
    """Measure strengths against the end of each race, at each of its moments.

    Args:
        races: R races.
        strengths: for each race `[M, P]`, higher for who is expected to finish earlier.
        winners: the same for the winner alone, where that is another question.
    """
    pairs = list(zip(races, strengths, strict=True))
    return Measured(
        spearman=[spearman(given, race.places, race.running) for race, given in pairs],
        winner=[hit(given, race) for race, given in zip(races, winners or strengths, strict=True)],
        finished=[spearman(given, race.places, race.running & race.finished) for race, given in pairs],
    )


def summarize(races: Sequence[Race], measured: Measured, *, seed: int = 0) -> Score:
    """Return means over the moments of all races, and their intervals.

    A moment of a race says little that the others do not, so the bootstrap draws whole races (B. Efron, Bootstrap
    Methods, 1979).

    Args:
        races: those that were measured.
        measured: what `measure` returned.
        seed: draws the races.
    """
    return Score(*(_figures(races, getattr(measured, name), seed) for name in _MEASURES))


def spearman(strengths: npt.NDArray[np.floating], places: Integers, seen: Booleans) -> Floats:
    """Return `[M]`, Spearman's rank correlation of *strengths* `[M, P]` with *places* `[P]` among those *seen*.

    Equal values share their mean rank. NaN where fewer than two were seen, or all are equal.
    """
    first = _ranks(-strengths, seen)
    second = _ranks(np.broadcast_to(places, seen.shape), seen)
    count = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    first, second = (np.where(seen, ranks - ranks.sum(axis=1, keepdims=True) / count, 0.0) for ranks in (first, second))
    spread = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return np.where(spread > 0, (first * second).sum(axis=1) / np.where(spread > 0, spread, 1), np.nan)


def _ranks(values: npt.NDArray[np.floating] | Integers, seen: Booleans) -> Floats:
    """Return the rank of each value among those seen, from 1 for the lowest; 0 for the others."""
    others = seen[:, None, :]
    lower = (others & (values[:, None, :] < values[:, :, None])).sum(axis=2)
    equal = (others & (values[:, None, :] == values[:, :, None])).sum(axis=2)
    return np.where(seen, lower + (equal + 1) / 2, 0.0)


def hit(strengths: npt.NDArray[np.floating], race: Race) -> Floats:
    """Return `[M]`: 1 where the strongest of those seen was to win the race, 0 elsewhere, NaN where nobody was seen."""
    strongest = np.where(race.running, strengths, -np.inf).argmax(axis=1)
    return np.where(race.running.any(axis=1), race.places[strongest] == 1, np.nan)


def surprise(scores: npt.NDArray[np.floating], race: Race) -> Floats:
    """Return `[M]`: the negative logarithm of the chance that scores gave the winner; NaN where it was not seen."""
    return np.asarray(-_log_chances(scores, race)[:, int(np.argmin(race.places))])


def belief(scores: npt.NDArray[np.floating], race: Race) -> Floats:
    """Return `[M]`: the chance that scores gave their own favourite; NaN where nobody was seen."""
    chances = np.exp(_log_chances(scores, race))
    return np.where(race.running.any(axis=1), np.where(race.running, chances, 0.0).max(axis=1), np.nan)


def _log_chances(scores: npt.NDArray[np.floating], race: Race) -> Floats:
    """Return `[M, P]`: the logarithm of the softmax among those seen, NaN for the others."""
    given = np.where(race.running, scores, -np.inf).astype(np.float64)
    highest = np.where(race.running.any(axis=1), given.max(axis=1), 0.0)[:, None]
    with np.errstate(divide="ignore"):
        total = highest + np.log(np.exp(given - highest).sum(axis=1, keepdims=True))
    return np.where(race.running, np.where(race.running, scores, 0.0) - total, np.nan)


def quarter(race: Race) -> Integers:
    """Return `[M]`, the quarter of the race in which each moment lies, from 0."""
    return np.minimum((np.ceil(race.share * QUARTERS - 1e-9) - 1).astype(np.int64), QUARTERS - 1)


def _figures(races: Sequence[Race], values: Sequence[Floats], seed: int) -> tuple[Figure, ...]:
    sums = np.zeros((len(races), QUARTERS + 1))
    counts = np.zeros_like(sums)
    for index, (race, each) in enumerate(zip(races, values, strict=True)):
        known = np.isfinite(each)
        for part in range(QUARTERS + 1):
            chosen = known & ((quarter(race) == part) | (part == QUARTERS))
            sums[index, part], counts[index, part] = each[chosen].sum(), chosen.sum()
    drawn = np.random.default_rng(seed).multinomial(len(races), np.full(len(races), 1 / len(races)), RESAMPLES)
    return tuple(_figure(*each, drawn) for each in zip(sums.T, counts.T, strict=True))


def _figure(sums: Floats, counts: Floats, drawn: Integers) -> Figure:
    """Return the figure of one part of R races, `[R]` each; *drawn* `[D, R]` tells how often each is in a drawing."""
    if not (races := np.count_nonzero(counts)):
        return Figure(np.nan, np.nan, np.nan)
    mean = float(sums.sum() / counts.sum())
    if races < 2:
        return Figure(mean, np.nan, np.nan)
    measured = drawn[drawn @ counts > 0]  # a drawing without any race that has this part tells nothing
    low, high = np.percentile((measured @ sums) / (measured @ counts), [2.5, 97.5])
    return Figure(mean, float(low), float(high))

"""What is worked out about models: how well one foretells races it never saw, and which of several does best."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.race.evaluation import Measured, Score, belief, measure, summarize, surprise
from models.race.network import Settings
from models.race.race import Floats, Race
from models.race.source import Source, Strengths
from models.race.training import RaceModel, train

OnProgress = Callable[[float, str], None]
"""Is told the part that is done, from 0 to 1, and a few words."""


@dataclass(frozen=True, slots=True)
class Row:
    """How well one way foretells.

    Attributes:
        name: of the way.
        score: its figures.
        surprise: the mean negative logarithm of the chance that it gave the winner; None: it gives no chances.
        belief: the mean chance that it gave its own favourite, which should win as often.
    """

    name: str
    score: Score
    surprise: float | None = None
    belief: float | None = None


def compare(model: RaceModel, source: Source, *, seed: int, on_progress: OnProgress) -> list[Row]:
    """Return the figures of the model, and what they are to be compared with; see `beside`.

    All are of the same races: those of the test, which is what looks at them.
    """
    races = source.to_test_on()
    on_progress(0.0, f"foretelling {len(races)} races")
    scores = [model.scores(race) for race in races]
    best = source.best(lambda part: on_progress(part, "what could be known at best"))
    return beside("model", races, scores, best, seed=seed)


def beside(
    name: str,
    races: Sequence[Race],
    scores: Sequence[npt.NDArray[np.floating]],
    best: tuple[Strengths, Strengths] | None = None,
    *,
    seed: int = 0,
) -> list[Row]:
    """Return the figures of *scores*, and below them of what anybody can say, and of the ceiling if it is known.

    The gain is that on the order so far, race by race, which is surer than the two figures are.

    Args:
        name: of the scores.
        races: R races; one of them at least was seen at some moment.
        scores: for each race `[M, P]`, the logarithms of strengths.
        best: strengths for order and winner of whoever knows all that is hidden.
        seed: draws the races for the intervals.
    """
    learnt, so_far = measure(races, scores), measure(races, [_so_far(race) for race in races])

    def row(name: str, measured: Measured) -> Row:
        return Row(name, summarize(races, measured, seed=seed))

    rows = [
        Row(name, summarize(races, learnt, seed=seed), *_chances(races, scores)),
        row("order so far", so_far),
        row("order before", measure(races, [_before(race) for race in races])),
        row("gain on so far", learnt.minus(so_far)),
    ]
    return rows if best is None else [*rows, row("ceiling", measure(races, *best))]


def cross_validate(
    races: Sequence[Race], candidates: Sequence[Settings], *, folds: int, seed: int, on_progress: OnProgress
) -> list[Row]:
    """Return the figures of each candidate for races that it was not trained on, and of the order so far.

    Args:
        races: those to learn from, and no others.
        candidates: what to compare.
        folds: parts that the races are divided into, as whole races; each is foretold by a model of the others.
        seed: divides them, and starts the networks.
        on_progress: is told what is done.
    """
    parts = np.array_split(np.random.default_rng(seed).permutation(len(races)), folds)
    rows = []
    for number, settings in enumerate(candidates):
        scores: list[Floats] = [np.zeros(0)] * len(races)
        for fold, part in enumerate(parts):
            on_progress((number + fold / folds) / len(candidates), f"{settings}, fold {fold + 1} of {folds}")
            chosen = set(part.tolist())
            model = train([race for index, race in enumerate(races) if index not in chosen], settings, seed=seed)
            for index in chosen:
                scores[index] = model.scores(races[index]).astype(np.float64)
        learnt = summarize(races, measure(races, scores), seed=seed)
        rows.append(Row(str(settings), learnt, *_chances(races, scores)))
    so_far = measure(races, [_so_far(race) for race in races])
    return [*rows, Row("order so far", summarize(races, so_far, seed=seed))]


def _so_far(race: Race) -> Floats:
    return -race.position.astype(np.float64)


def _before(race: Race) -> Floats:
    return np.broadcast_to(-race.prior.astype(np.float64), race.position.shape)


def _chances(races: Sequence[Race], scores: Sequence[npt.NDArray[np.floating]]) -> tuple[float, float]:
    """Return how surprised these scores are by winners, and what they believe of their favourites."""
    pairs = list(zip(scores, races, strict=True))
    surprised, believed = (np.concatenate([of(each, race) for each, race in pairs]) for of in (surprise, belief))
    return float(np.nanmean(surprised)), float(np.nanmean(believed))

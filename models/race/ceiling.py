"""The best that anybody could say of a simulated race who knew all that is hidden, but not what is still to come."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.race.arrays import of_each
from models.race.running import step
from models.race.simulator import Simulated


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What is to be expected at each moment.

    Attributes:
        places: `[M, P]`, the mean place at the end: no other order has a higher expected Spearman correlation.
        wins: `[M, P]`, the share of endings that a horse wins.
    """

    places: npt.NDArray[np.float64]
    wins: npt.NDArray[np.float64]


def ceiling(simulated: Simulated, *, endings: int, seed: int) -> Ceiling:
    """Let the race go on from each of its moments, *endings* times with other luck, and count how it ends."""
    random = np.random.default_rng(seed)
    moments, count = simulated.states.metres.shape
    state = of_each(simulated.states, lambda values: values.repeat(endings, axis=0))
    courses, horses = simulated.courses, simulated.horses
    while np.isinf(state.finish).any():
        state = step(state, courses, horses, random)
    places = state.finish.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable") + 1
    places = places.reshape(moments, endings, count)
    return Ceiling(places.mean(axis=1), (places == 1).mean(axis=1))


def best_order(expected: Ceiling) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return strengths, `[M, P]` each, higher for better: for the whole order, and for the winner alone."""
    return -expected.places, expected.wins

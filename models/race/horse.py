"""The simulated horses: what they can do today, which nobody sees, and what the race card and the market say of it."""

from dataclasses import dataclass

import numpy as np

from models.race.arrays import Reals
from models.race.course import Courses
from models.race.race import Booleans

FEWEST, MOST = 6, 16
"""Horses in a race."""

# Standard deviations, as shares of the cruising speed. Half a per cent is 8 m, or 3.3 lengths, over a mile.
ABILITY, FORM, LIKING, MARKET_ERROR = 0.005, 0.0016, 0.0016, 0.0022
STAMINA = 0.01
"""Standard deviation of the work that horses have in them."""
WEIGHT = 0.0003
"""Share of the speed that a kilogram costs: 5 kg are a length over a mile."""
SURE = 230.0
"""Turns a difference in estimated speed into one in log-odds: what makes the market's chances come true."""


@dataclass(frozen=True, slots=True)
class Horses:
    """The horses of N races, `[N, 16]` each; where `runs` is false there is none.

    Attributes:
        runs: whether there is one.
        speed: what it can keep up over this distance on this going today, in metres a second; hidden.
        stamina: how much more (above 1) or less work it has in it than an even pace at that speed takes; hidden.
        settle: metres behind the leader at which it likes to run until the straight; hidden.
        style: from -1 (closer) to 1 (front-runner), as its last races show it; public.
        stall: from 1; public.
        weight: kilograms; public.
        odds: the logarithm of its chance as the market sees it; public.
    """

    runs: Booleans
    speed: Reals
    stamina: Reals
    settle: Reals
    style: Reals
    stall: Reals
    weight: Reals
    odds: Reals


def draw_horses(courses: Courses, random: np.random.Generator) -> Horses:
    """Return horses for these races."""
    count = len(courses.distance)
    runs = np.arange(MOST) < random.integers(FEWEST, MOST + 1, (count, 1))

    def normal(deviation: float) -> Reals:
        return random.normal(0, deviation, runs.shape).astype(np.float32)

    ability, liking = normal(ABILITY), normal(LIKING) * courses.going
    # Handicappers give the better ones more to carry, and never enough.
    weight = np.clip(np.round(57 + 2.5 * ability / ABILITY + normal(1.5)), 50, 64).astype(np.float32)
    expected = ability - WEIGHT * (weight - 57)
    keen = random.uniform(-1, 1, runs.shape).astype(np.float32)
    return Horses(
        runs=runs,
        speed=courses.par * (1 + expected + liking + normal(FORM)),
        stamina=np.exp(normal(STAMINA)),
        settle=6 - 6 * keen + np.abs(normal(1.0)),
        style=np.clip(keen + normal(0.3), -1, 1),
        stall=_stalls(runs, random),
        weight=weight,
        # The market knows half of how much a horse likes the going.
        odds=_chances((SURE * (expected + liking / 2 + normal(MARKET_ERROR))).astype(np.float32), runs),
    )


def _stalls(runs: Booleans, random: np.random.Generator) -> Reals:
    lots = np.where(runs, random.random(runs.shape), 2)
    return (lots.argsort(axis=1).argsort(axis=1) + 1).astype(np.float32)


def _chances(strength: Reals, runs: Booleans) -> Reals:
    strength = np.where(runs, strength, np.float32(-np.inf)).astype(np.float32)
    highest = strength.max(axis=1, keepdims=True)
    total = highest + np.log(np.exp(strength - highest).sum(axis=1, keepdims=True))
    return np.where(runs, strength - total, 0).astype(np.float32)

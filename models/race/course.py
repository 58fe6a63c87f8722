"""What the simulated horses run on: the distance, the going, the bends, and the pace that is usual there."""

from dataclasses import dataclass

import numpy as np

from models.race.arrays import Reals

FURLONG = 200
"""Metres between two moments (a real one has 201.168)."""
DISTANCES = (1000, 1200, 1400, 1600, 1800, 2000, 2400, 2800, 3200)
"""Metres, as flat races have them."""


@dataclass(frozen=True, slots=True)
class Courses:
    """The courses of N races, `[N, 1]` each.

    Attributes:
        distance: metres, from `DISTANCES`.
        going: from -1 (firm) to 1 (heavy).
        bend: metres that each stall further out loses; sprints are straight, or nearly so.
        tempo: how much faster (above 0) than an even pace the race is run before the straight; nobody knows it before.
        par: usual cruising speed in metres a second: 17.3 over 1,000 m, 16.6 over 1,600 m, 15.7 over 3,200 m, and 3 %
            less where the going is heavy.
    """

    distance: Reals
    going: Reals
    bend: Reals
    tempo: Reals
    par: Reals


def draw_courses(count: int, random: np.random.Generator) -> Courses:
    """Return *count* courses that differ in everything."""
    distance = random.choice(np.array(DISTANCES, np.float32), (count, 1))
    going = random.uniform(-1, 1, (count, 1)).astype(np.float32)
    bend = random.uniform(0, 0.5, (count, 1)).astype(np.float32) * (distance > 1200)
    tempo = random.normal(0.014, 0.008, (count, 1)).astype(np.float32)
    par = (17.3 - 1.4 * np.log(distance / 1000)) * (1 - 0.03 * np.maximum(going, 0))
    return Courses(distance, going, bend.astype(np.float32), tempo, par.astype(np.float32))

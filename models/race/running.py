"""How simulated horses run: one second after the other, all races at once."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from models.race.arrays import Reals
from models.race.course import Courses
from models.race.horse import Horses

STRAIGHT = 0.65, 0.8
"""Between these shares of the distance a horse goes over from keeping its place to spending what it has left."""
FOLLOW = 0.0025
"""How much more effort a horse makes for each metre that it is further behind than it likes to be."""
EASIEST, HARDEST = 0.955, 1.035
"""Effort until the straight, as a share of the cruising speed."""
SLOWEST, FASTEST = 0.88, 1.06
"""The same in the straight."""
WANDER, WANDER_SECONDS = 0.006, 25
"""How far the speed wanders (a standard deviation, as a share) and for how long."""
TROUBLE, TROUBLE_SECONDS, TROUBLE_COST = 0.0025, 4, 0.08
"""How often (a second, among eleven) a horse finds no way through, for how long, and the share of its speed that this
costs: 5 m each time."""
LOST_AT_START, SLOW_STARTERS, LOST_BY_THEM = 0.8, 0.05, 5.0
"""Metres that most lose at the start on average; the share of horses that miss it, and what that costs them more."""


@dataclass(slots=True)
class State:
    """Where the horses of N races are, `[N, K]` each; a copy is all that is needed to go on from there.

    Attributes:
        seconds: since the start, `[N, 1]`.
        metres: from the start, as the leader on the rail would have run them.
        speed: metres a second.
        reserve: the work that a horse has left in it; 1 at the start.
        wander: by which share it is faster than it means to be just now.
        held: seconds for which it still finds no way through.
        finish: seconds when it crossed the line; infinite until then.
    """

    seconds: Reals
    metres: Reals
    speed: Reals
    reserve: Reals
    wander: Reals
    held: Reals
    finish: Reals

    @classmethod
    def at_start(cls, courses: Courses, horses: Horses, random: np.random.Generator) -> Self:
        """Return the horses in their stalls; what they will lose at the start is counted as distance."""
        shape = horses.runs.shape
        lost = random.exponential(LOST_AT_START, shape) + LOST_BY_THEM * (random.random(shape) < SLOW_STARTERS)
        metres = (-lost - courses.bend * (horses.stall - 1)).astype(np.float32)
        none = np.zeros(shape, np.float32)
        wander = random.normal(0, WANDER, shape).astype(np.float32)
        return cls(
            np.zeros((len(lost), 1), np.float32),
            np.where(horses.runs, metres, -np.inf).astype(np.float32),
            none,
            none + 1,
            wander,
            none,
            np.full(shape, np.inf, np.float32),
        )


def step(state: State, courses: Courses, horses: Horses, random: np.random.Generator) -> State:
    """Return the state a second later."""
    effort = _effort(state, courses, horses)
    wander, held = _chance(state, horses, random)
    speed = horses.speed * effort * (1 + wander) * _getting_away(state.seconds)
    speed = np.where(horses.runs, np.where(held > 0, speed * (1 - TROUBLE_COST), speed), 0)
    crossing = np.isinf(state.finish) & (state.metres + speed >= courses.distance)
    with np.errstate(invalid="ignore"):
        finish = state.seconds + (courses.distance - state.metres) / np.maximum(speed, 1)
    return State(
        seconds=state.seconds + 1,
        metres=state.metres + speed,
        speed=speed,
        reserve=state.reserve - speed / courses.distance * _work(effort) / horses.stamina,
        wander=wander,
        held=held - 1,
        finish=np.where(crossing, finish, state.finish),
    )


def _effort(state: State, courses: Courses, horses: Horses) -> Reals:
    """Return what each horse tries, as a share of its cruising speed."""
    done = np.minimum(np.where(horses.runs, state.metres, 0) / courses.distance, 0.99)
    behind = np.where(horses.runs, state.metres.max(axis=1, keepdims=True) - state.metres, 0)
    early = np.clip(1 + courses.tempo + FOLLOW * (behind - horses.settle), EASIEST, HARDEST)
    # The even effort that would use up just what is left.
    left = np.maximum(state.reserve, 0.01) * horses.stamina / (1 - done)
    late = np.clip(np.sqrt(np.sqrt(left)), SLOWEST, FASTEST)
    asked = np.clip((done - STRAIGHT[0]) / (STRAIGHT[1] - STRAIGHT[0]), 0, 1)
    return np.asarray(early + (late - early) * asked)


def _work(effort: Reals) -> Reals:
    """Return the work for a metre. It grows so fast that an uneven pace costs time, as it does with real horses."""
    square = effort * effort
    return np.asarray(square * square)


def _chance(state: State, horses: Horses, random: np.random.Generator) -> tuple[Reals, Reals]:
    """Return what nobody could foresee: how the speed wanders, and who is held up for how long."""
    stays = np.float32(np.exp(-1 / WANDER_SECONDS))
    fresh = random.standard_normal(state.wander.shape, np.float32) * np.float32(WANDER * np.sqrt(1 - stays**2))
    # More of them get in each other's way; whoever leads is in nobody's.
    behind = state.metres < state.metres.max(axis=1, keepdims=True)
    risk = TROUBLE * (horses.runs.sum(axis=1, keepdims=True) - 1) / 10 * behind
    caught = random.random(state.held.shape, np.float32) < risk
    return state.wander * stays + fresh, np.where(caught & (state.held <= 0), np.float32(TROUBLE_SECONDS), state.held)


def _getting_away(seconds: Reals) -> Reals:
    """Return the share of their speed that horses have reached after the start."""
    return np.asarray(1 - np.exp(-(seconds + 0.5) / 2))

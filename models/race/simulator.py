"""A seeded simulator of horse races, whose truth is known."""

from dataclasses import dataclass, fields

import numpy as np

from models.race.arrays import Reals, of_each
from models.race.course import FURLONG, Courses, draw_courses
from models.race.horse import Horses, draw_horses
from models.race.names import horse_names
from models.race.race import Booleans, Floats, Integers, Race
from models.race.running import State, step


@dataclass(frozen=True, slots=True)
class Simulated:
    """A race and the truth behind it.

    Attributes:
        race: what a live feed would have.
        courses: the course, as one of one.
        horses: the horses, `[1, P]`.
        states: where they were, `[M, P]` each: one for each moment of the race.
        finish: `[P]`, seconds.
    """

    race: Race
    courses: Courses
    horses: Horses
    states: State
    finish: Reals


def simulate(count: int, seed: int) -> list[Simulated]:
    """Return *count* races; the same arguments give the same ones.

    A race has a moment whenever the leader has done another furlong, but for the last, when it has won. Telemetry comes
    once a second, so the moment is the first full second after that.
    """
    random = np.random.default_rng(seed)
    courses = draw_courses(count, random)
    horses = draw_horses(courses, random)
    states, finish = _run(courses, horses, random)
    return [
        _one(f"race-{seed}-{index:04}", index, courses=courses, horses=horses, states=states, finish=finish)
        for index in range(count)
    ]


def _run(courses: Courses, horses: Horses, random: np.random.Generator) -> tuple[list[State], Reals]:
    """Return the states when the leaders passed each furlong, `[N, K]`, and when the horses finished, `[N, K]`."""
    state = State.at_start(courses, horses, random)
    states: list[State] = []
    passed = np.zeros(len(courses.distance), np.int64)
    while (np.isinf(state.finish) & horses.runs).any():
        state = step(state, courses, horses, random)
        furlongs = np.maximum(state.metres.max(axis=1), 0).astype(np.int64) // FURLONG
        for index in np.unique(furlongs[furlongs > passed]):
            _note(states, int(index) - 1, state, (furlongs == index) & (passed < index))
        passed = np.maximum(passed, furlongs)
    return states, state.finish


def _note(states: list[State], index: int, state: State, races: Booleans) -> None:
    """Write the *state* of these *races* into that of their moment."""
    if len(states) <= index:
        states.append(of_each(state, np.copy))
    for one in fields(State):
        getattr(states[index], one.name)[races] = getattr(state, one.name)[races]


def _one(name: str, index: int, *, courses: Courses, horses: Horses, states: list[State], finish: Reals) -> Simulated:
    """Take one race out of many, and leave out the places where no horse is."""
    count = int(horses.runs[index].sum())
    course = of_each(courses, lambda values: values[index : index + 1])
    horse = of_each(horses, lambda values: values[index : index + 1, :count])
    moments = int(course.distance[0, 0]) // FURLONG - 1
    seen = [of_each(state, lambda values: values[index : index + 1, :count]) for state in states[:moments]]
    together = State(**{one.name: np.concatenate([getattr(each, one.name) for each in seen]) for one in fields(State)})
    ended = finish[index, :count]
    return Simulated(_race(name, course, horse, together, ended), course, horse, together, ended)


def _race(name: str, course: Courses, horse: Horses, seen: State, finish: Reals) -> Race:
    metres = seen.metres.astype(np.float64)
    elapsed = seen.seconds[:, 0].astype(np.float64)
    nowhere = np.zeros(metres.shape, np.bool_)
    return Race(
        name=name,
        source="simulator",
        members=horse_names(metres.shape[1], np.random.default_rng(list(name.encode()))),
        prior=_places(-horse.odds[0]),
        places=_places(finish),
        finished=np.ones(len(finish), np.bool_),
        moments=np.arange(1, len(elapsed) + 1),
        elapsed=elapsed,
        share=metres.max(axis=1) / float(course.distance[0, 0]),
        running=~nowhere,
        position=np.stack([_places(-row) for row in metres]),
        gap=(metres.max(axis=1, keepdims=True) - metres) / seen.speed,
        pace=_pace(metres, elapsed),
        stopped=nowhere,
        down=nowhere.astype(np.int64),
        total=int(course.distance[0, 0]) // FURLONG,
        par=FURLONG / float(course.par[0, 0]),
        known=_card(course, horse),
    )


def _pace(metres: Floats, elapsed: Floats) -> Floats:
    """Return `[M, P]`, seconds a furlong since the moment before."""
    speed = np.diff(metres, axis=0, prepend=0.0) / np.diff(elapsed, prepend=0.0)[:, None]
    return np.asarray(FURLONG / speed)


def _card(course: Courses, horse: Horses) -> dict[str, Floats]:
    """Return what the race card and the market say."""
    return {
        "draw": ((horse.stall[0] - 1) * course.bend[0]).astype(np.float64),
        "form": horse.odds[0].astype(np.float64),
        "weight": horse.weight[0].astype(np.float64),
        "style": horse.style[0].astype(np.float64),
    }


def _places(values: Reals | Floats) -> Integers:
    """Return the place of each value, from 1 for the lowest."""
    return values.argsort(kind="stable").argsort(kind="stable") + 1

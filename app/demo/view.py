"""What the demo shows of a stream at one moment: its figures, and one race."""

from dataclasses import dataclass

import numpy as np

from app.demo.programme import moment_name
from app.demo.published import Published, Ranking
from app.demo.tally import Figures
from models.race.race import Race


@dataclass(frozen=True, slots=True)
class Line:
    """One member of the race, as it stands in the ranking that was published last.

    A ranking holds whoever was ranked once, so those that are out of the race are still in it; here they come last.

    Attributes:
        rank: the place that is foretold, from 1.
        change: places won (positive) or lost since the moment before; None: it was not ranked then.
        member: its name.
        chance: to win, from 0 to 1; 0 for who is out of the race.
        place: in the race as it stands; None: out of it.
        history: the chance at each moment so far.
    """

    rank: int
    change: int | None
    member: str
    chance: float
    place: int | None
    history: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RaceView:
    """A race while it runs.

    Attributes:
        name: of the race.
        about: a few words.
        unit: what a moment is.
        moment: the last one with a ranking, from 1.
        moments: how many there are.
        lines: members, best first.
    """

    name: str
    about: str
    unit: str
    moment: int
    moments: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class View:
    """What is shown at one moment.

    Attributes:
        figures: of the stream.
        model: name and version; empty before the first ranking.
        race: the one that is shown; None before the first ranking.
    """

    figures: Figures
    model: str
    race: RaceView | None


def race_view(race: Race, about: str, index: int, published: Published) -> RaceView | None:
    """Return how race number *index* of *published* stands; None before its first ranking."""
    if not (known := published.moments(index)):
        return None
    moment = known[-1][0]
    chances = [_chances(race, *each) for each in known]
    ranks = {member: rank for rank, member in enumerate(chances[-2] if len(chances) > 1 else (), 1)}
    lines = tuple(
        Line(
            rank,
            ranks[member] - rank if member in ranks else None,
            member,
            chance,
            _place(race, moment, member),
            tuple(each.get(member, 0.0) for each in chances),
        )
        for rank, (member, chance) in enumerate(chances[-1].items(), 1)
    )
    return RaceView(race.name, about, moment_name(race), moment + 1, len(race.moments), lines)


def _chances(race: Race, moment: int, ranking: Ranking) -> dict[str, float]:
    """Return what the model says of the chance to win, best first: the softmax of the scores of those still running.

    Those that are out come last, with none.
    """
    running = [member for member in ranking if _place(race, moment, member) is not None]
    scores = np.array([ranking[member] for member in running])
    weights = np.exp(scores - scores.max(initial=-np.inf))
    chances = dict(zip(running, (weights / weights.sum()).tolist(), strict=True))
    return chances | {member: 0.0 for member in ranking if member not in chances}


def _place(race: Race, moment: int, member: str) -> int | None:
    index = race.members.index(member) if member in race.members else None
    if index is None or not race.running[moment, index]:
        return None
    return int(race.position[moment, index])

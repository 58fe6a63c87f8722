"""The races of the demo, which the model never saw, and what is best known of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.train.cache import SEED
from models.race.race import Race
from models.race.simulator import simulate
from models.race.source import OnPart, RealRaces, Strengths, best_of

UNSEEN_SEED = SEED + 2_000_003
"""Of the demo's races; those that the model has learnt from and was tested on have others."""
Best = Callable[[OnPart], tuple[Strengths, Strengths]]


@dataclass(frozen=True, slots=True)
class Programme:
    """Races in the order in which they begin.

    Attributes:
        races: their names differ.
        about: a few words about each.
        best: works out the ceiling, see `models.race.source.best_of`; None where nobody can know it.
    """

    races: Sequence[Race]
    about: Sequence[str]
    best: Best | None = None


def simulated_programme(count: int, number: int = 0) -> Programme:
    """Return *count* simulated races; another *number* gives others."""
    seed = UNSEEN_SEED + number
    simulated = simulate(count, seed)
    return Programme(
        races=[replace(one.race, name=f"race-{number * count + index + 1}") for index, one in enumerate(simulated)],
        about=[f"{one.courses.distance[0, 0]:,.0f} m" for one in simulated],
        best=lambda on_part: best_of(simulated, seed, on_part),
    )


def real_programme(folder: Path) -> Programme:
    """Return the races of a folder that are for the test; raises RacesNotUsable."""
    races = RealRaces.read(folder).to_test_on()
    return Programme(races=races, about=[f"{race.moments[-1]:,} laps" for race in races])


def moment_name(race: Race) -> str:
    """Return what a moment of the race is."""
    return "furlong" if race.source == "simulator" else "lap"

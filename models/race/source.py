"""Where races come from: those to learn from, those for the test, and what is best known of the latter."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from models.errors import RacesNotUsable
from models.race.ceiling import best_order, ceiling
from models.race.choice import LAPS, LAPS_CANDIDATES, SIMULATED, SIMULATED_CANDIDATES
from models.race.laps import LAST_TRAINED_ON, read_laps, split
from models.race.network import Settings
from models.race.race import Floats, Race
from models.race.simulator import Simulated, simulate

Strengths = Sequence[Floats]
OnPart = Callable[[float], None]
"""Is told the part that is done, from 0 to 1."""

TRAINED_ON, TESTED_ON, ENDINGS = 3000, 400, 100
"""Simulated races to learn from and for the test, and endings of each moment for the ceiling."""
TEST_SEED = 1_000_003
"""Added to the seed for the races of the test."""


class Source(Protocol):
    """A source of races."""

    @property
    def chosen(self) -> Settings:
        """The model that cross-validation chose."""

    @property
    def candidates(self) -> Sequence[Settings]:
        """The models that were compared."""

    def to_train_on(self) -> list[Race]:
        """Return the races to learn from."""

    def to_test_on(self) -> list[Race]:
        """Return the races that are not looked at before the end."""

    def best(self, on_part: OnPart) -> tuple[Strengths, Strengths] | None:
        """Return the strengths for order and winner of whoever knows all that is hidden in the races of the test."""


def best_of(races: Sequence[Simulated], seed: int, on_part: OnPart) -> tuple[Strengths, Strengths]:
    """Return the ceiling's strengths for order and winner of each race, by Monte Carlo."""
    orders, winners = [], []
    for index, one in enumerate(races):
        order, winner = best_order(ceiling(one, endings=ENDINGS, seed=seed + index))
        orders.append(order)
        winners.append(winner)
        on_part((index + 1) / len(races))
    return orders, winners


@dataclass(frozen=True, slots=True)
class SimulatedRaces:
    """Races of the simulator.

    Attributes:
        seed: of the races to learn from.
        trained_on: how many these are.
        tested_on: how many others are for the test.
    """

    seed: int
    trained_on: int = TRAINED_ON
    tested_on: int = TESTED_ON

    chosen = SIMULATED
    candidates = SIMULATED_CANDIDATES

    def to_train_on(self) -> list[Race]:
        """Return the races to learn from."""
        return [one.race for one in simulate(self.trained_on, self.seed)]

    def to_test_on(self) -> list[Race]:
        """Return races of another seed."""
        return [one.race for one in self._tested()]

    def best(self, on_part: OnPart) -> tuple[Strengths, Strengths] | None:
        """Return the ceiling's strengths, by Monte Carlo."""
        return best_of(self._tested(), self.seed, on_part)

    def _tested(self) -> list[Simulated]:
        return simulate(self.tested_on, self.seed + TEST_SEED)


@dataclass(frozen=True, slots=True)
class RealRaces:
    """Races of a folder, those up to `laps.LAST_TRAINED_ON` to learn from and the later ones for the test.

    Attributes:
        races: all of them.
    """

    races: list[Race]

    chosen = LAPS
    candidates = LAPS_CANDIDATES

    @classmethod
    def read(cls, folder: Path) -> "RealRaces":
        """Read a folder; raises RacesNotUsable, also when there are too few to learn from or none for the test."""
        races = read_laps(folder)
        (year, number), (trained, tested) = LAST_TRAINED_ON, split(races)
        if len(trained) < 2:
            raise RacesNotUsable(f"{folder} has fewer than two races up to round {number} of {year} to learn from")
        if not tested:
            raise RacesNotUsable(f"{folder} has no race after round {number} of {year} for the test")
        return cls(races)

    def to_train_on(self) -> list[Race]:
        """Return the earlier races."""
        return split(self.races)[0]

    def to_test_on(self) -> list[Race]:
        """Return the later races."""
        return split(self.races)[1]

    def best(self, on_part: OnPart) -> tuple[Strengths, Strengths] | None:
        """Return None: what was hidden stays so."""
        return None

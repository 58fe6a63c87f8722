"""The moments of many races as lists to learn from, filled up to one length."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from models.race.features import FEATURES, features
from models.race.race import Race


@dataclass(frozen=True, slots=True)
class Lists:
    """L lists of K participants at most, each in the order in which they finished.

    Attributes:
        features: `[L, K, F]` float32; 0 behind the last.
        seen: `[L, K]` float32, 1 for a participant and 0 behind the last.
    """

    features: npt.NDArray[np.float32]
    seen: npt.NDArray[np.float32]

    @classmethod
    def of(cls, races: Sequence[Race]) -> Self:
        """Return a list for each moment at which at least two were seen."""
        longest = max(len(race.members) for race in races)
        parts = [_ordered(race, longest) for race in races]
        rows, seen = (np.concatenate([part[index] for part in parts]) for index in range(2))
        useful = seen.sum(axis=1) > 1
        return cls(rows[useful], seen[useful])

    def rows(self) -> npt.NDArray[np.float32]:
        """Return the participants alone, `[N, F]`."""
        return self.features[self.seen > 0]


def _ordered(race: Race, length: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    values = features(race)
    order = np.argsort(np.where(race.running, race.places, np.iinfo(np.int64).max), axis=1, kind="stable")
    rows = np.zeros((len(values), length, len(FEATURES)), np.float32)
    seen = np.zeros((len(values), length), np.float32)
    rows[:, : order.shape[1]] = np.take_along_axis(values, order[..., None], axis=1)
    seen[:, : order.shape[1]] = np.take_along_axis(race.running, order, axis=1)
    return rows, seen

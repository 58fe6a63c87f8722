"""What was published of each race at each moment, as the last ranking told it."""

from collections.abc import Mapping, Sequence

import numpy as np

from app.demo.schedule import Due
from models.race.race import Booleans, Floats, Race

Ranking = Mapping[str, float]
"""Scores by member, best first."""


class Published:
    """Keeps the newest ranking of each moment, and looks whether rankings are whole.

    Args:
        races: the races that are streamed.

    Attributes:
        incomplete: rankings that lacked a member whose record had been ranked before, or had a member too many.
    """

    def __init__(self, races: Sequence[Race]) -> None:
        self.incomplete = 0
        self._races = races
        self._ranked: list[set[str]] = [set() for _ in races]
        self._rankings: list[dict[int, Ranking]] = [{} for _ in races]

    def note(self, due: Due, ranking: Ranking) -> None:
        """Take the ranking that answers *due*; those of one race come in the order of their records."""
        ranked = self._ranked[due.race]
        if due.member is not None:
            ranked.add(due.member)
        if not ranked <= ranking.keys() or not ranking.keys() <= set(self._races[due.race].members):
            self.incomplete += 1
        self._rankings[due.race][due.moment] = ranking

    def moments(self, race: int) -> list[tuple[int, Ranking]]:
        """Return the moments of a race that have a ranking, in order, each with the last one of it."""
        return sorted(self._rankings[race].items(), key=lambda one: one[0])

    def strengths(self, race: int) -> tuple[Floats, Booleans]:
        """Return `[M, P]` each: the scores last published at each moment, 0 where none was, and whether one was."""
        members = self._races[race].members
        scores = np.zeros((len(self._races[race].moments), len(members)))
        shown = np.zeros(scores.shape, np.bool_)
        for moment, ranking in self._rankings[race].items():
            for index, member in enumerate(members):
                if member in ranking:
                    scores[moment, index], shown[moment, index] = ranking[member], True
        return scores, shown

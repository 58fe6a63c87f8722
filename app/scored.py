"""What the model said about consecutive rows: put together from the answers of several calls, and taken apart again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from app.errors import ModelFailed, RejectedRecord
from models.predictor import TopK


@dataclass(frozen=True, slots=True)
class Scored:
    """What the model said about consecutive rows.

    Attributes:
        ranking: the rows that were not refused, in order; None when all were.
        refused: the rows, counted from 0, that the model refuses also when they are alone.
    """

    ranking: TopK | None
    refused: Mapping[int, RejectedRecord]

    @property
    def is_whole(self) -> bool:
        """Whether every row has an answer."""
        return not self.refused

    @classmethod
    def of(cls, answers: Sequence[TopK | RejectedRecord]) -> Self:
        """Join the answers about consecutive rows: rankings of one or more rows each, rejections of one.

        Raises:
            ModelFailed: the rankings do not fit each other.
        """
        rankings: list[TopK] = []
        refused: dict[int, RejectedRecord] = {}
        row = 0
        for answer in answers:
            if isinstance(answer, RejectedRecord):
                refused[row] = answer
                row += 1
            else:
                rankings.append(answer)
                row += len(answer.scores)
        try:
            return cls(TopK.join(rankings) if rankings else None, refused)
        except ValueError as error:
            raise ModelFailed("the model gives rows of one batch different numbers of scores") from error

    def split(self, heights: Sequence[int]) -> list[Self]:
        """Return the same as one answer for each run of so many rows."""
        if len(heights) == 1:
            return [self]
        scored: list[Self] = []
        start = answered = 0
        for height in heights:
            refused = {row - start: why for row, why in self.refused.items() if start <= row < start + height}
            kept = height - len(refused)
            scored.append(type(self)(_cut(self.ranking, answered, answered + kept), refused))
            start += height
            answered += kept
        return scored


def _cut(ranking: TopK | None, start: int, stop: int) -> TopK | None:
    return None if ranking is None or start == stop else ranking.rows(start, stop)


def ordinary(results: Sequence[Scored]) -> bool:
    """Whether a batch was scored in one go: nothing of it had expired, and nothing was refused and found by halving."""
    return all(each.is_whole for each in results)

"""What the model said about consecutive rows: put together from the answers of several calls, and taken apart again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from app.errors import RejectedRecord
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

    @classmethod
    def of(cls, answers: Sequence[TopK | RejectedRecord]) -> Self:
        """Join the answers about consecutive rows: rankings of one or more rows each, rejections of one."""
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
        return cls(_join(rankings), refused)

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
    if ranking is None or start == stop:
        return None
    labels = None if ranking.labels is None else ranking.labels[start:stop]
    return TopK(ranking.scores[start:stop], ranking.indices[start:stop], ranking.finite[start:stop], labels)


def _join(rankings: Sequence[TopK]) -> TopK | None:
    if len(rankings) < 2:
        return rankings[0] if rankings else None
    labels = [ranking.labels for ranking in rankings if ranking.labels is not None]
    return TopK(
        np.concatenate([ranking.scores for ranking in rankings]),
        np.concatenate([ranking.indices for ranking in rankings]),
        np.concatenate([ranking.finite for ranking in rankings]),
        np.concatenate(labels) if labels else None,
    )

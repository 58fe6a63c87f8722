"""The scores of candidates, put together from what the model says of rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from app.asking import Parts
from app.codecs.candidates import DecodedLists
from app.codecs.json import RowGroup
from app.codecs.list_prediction import ScoredList
from app.codecs.verdict import refusal
from app.errors import Expired, ModelFailed, Reason, RejectedRecord
from models.predictor import TopK


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says of the rows of a group.

    Attributes:
        table: `[B, L]`, scores: of the candidate, or of those of the list in their order. Of refused rows it says
            nothing. None: all are refused.
        refused: why rows have none.
    """

    table: npt.NDArray[Any] | None
    refused: Mapping[int, RejectedRecord]

    @classmethod
    def of(
        cls,
        group: RowGroup,
        rankings: Sequence[TopK],
        refused: Mapping[int, RejectedRecord],
        *,
        column: int,
        width: int | None,
    ) -> Self:
        """Put together what was said of the rows of *group* in turn.

        Args:
            group: the rows.
            rankings: of all classes, for the rows that are not refused.
            refused: why the others have none.
            column: the class whose score ranks.
            width: how many candidates a row has a score for; None: a row is a candidate.

        Raises:
            ModelFailed: the model gives another number of scores.
        """
        if not rankings:
            return cls(None, refused)
        tables = [_column(each, column) if width is None else _in_order(each, width) for each in rankings]
        found = np.concatenate(tables)
        if not refused:
            return cls(found, refused)
        table = np.zeros((len(group.ids), found.shape[1]), found.dtype)
        table[[row for row in range(len(group.ids)) if row not in refused]] = found
        return cls(table, refused)


def answer_of(group: RowGroup, parts: Parts, *, column: int, width: int | None) -> Answer:
    """Put together what was said of the rows of *group*; see `Answer.of`."""
    rankings = [part.result.ranking for part in parts if part.result.ranking is not None]
    refused = {part.start + row: why for part in parts for row, why in part.result.refused.items()}
    return Answer.of(group, rankings, refused, column=column, width=width)


def _column(ranking: TopK, column: int) -> npt.NDArray[Any]:
    """Return the scores `[B, 1]` of one class of a ranking of all classes."""
    if column >= (columns := ranking.scores.shape[1]):
        raise ModelFailed(f"the model gave {columns} scores a row; MODEL_SCORE_COLUMN={column} is not among them")
    # Each row has each class once, and rows stay in order.
    found: npt.NDArray[Any] = ranking.scores[ranking.indices == column][:, np.newaxis]
    return found


def _in_order(ranking: TopK, width: int) -> npt.NDArray[Any]:
    """Return the scores `[B, width]` of a ranking of all classes in the order of the classes."""
    if ranking.scores.shape[1] != width:
        raise ModelFailed(
            f"the model gave {ranking.scores.shape[1]} scores for a list of {width} candidates, or places"
        )
    table = np.empty_like(ranking.scores)
    np.put_along_axis(table, ranking.indices, ranking.scores, axis=1)
    return table


class ListScores:
    """The scores of all candidates of some records.

    Args:
        decoded: the records.
        answers: what the model says, for each of its groups.
        whole: whether a row is a whole list.
        finite: whether a score that is NaN or infinite counts as none.

    Attributes:
        table: `[R]`; of candidates that have none it says nothing.
    """

    def __init__(self, decoded: DecodedLists, answers: Sequence[Answer], *, whole: bool, finite: bool) -> None:
        types = [answer.table.dtype for answer in answers if answer.table is not None]
        self.table: npt.NDArray[Any] = np.zeros(len(decoded.ids), types[0] if types else np.float32)
        self._decoded = decoded
        self._refused: dict[int, RejectedRecord] = {}
        self._refused_lists: dict[int, RejectedRecord] = {}
        for group, answer in zip(decoded.groups, answers, strict=True):
            refused = self._refused_lists if whole else self._refused
            refused.update((group.positions[row], why) for row, why in answer.refused.items())
            if answer.table is not None and not whole:
                self.table[group.positions] = answer.table[:, 0]
            elif answer.table is not None:
                for place, scores in zip(group.positions, answer.table, strict=True):
                    listed = decoded.lists[place]
                    self.table[listed.start : listed.stop] = scores[: listed.stop - listed.start]
        if finite and self.table.dtype.kind == "f":
            for row in np.flatnonzero(~np.isfinite(self.table)).tolist():
                why = refusal(Reason.NON_FINITE_SCORE, f"the score is {self.table[row]}")
                self._refused.setdefault(row, why)

    def listed(self, place: int, *, drop: bool) -> ScoredList | RejectedRecord:
        """Return the list of the record at *place* as far as it can be ranked, or why it cannot.

        Args:
            place: of the record.
            drop: whether a candidate that has no score is left out, instead of the record.
        """
        if why := self._refused_lists.get(place):
            return why
        listed = self._decoded.lists[place]
        rows: Sequence[int] = range(listed.start, listed.stop)
        faults = [row for row in rows if row in self._refused] if self._refused else []
        if not faults:
            return ScoredList(listed.id, rows, listed.dropped)
        for row in faults:
            if isinstance(why := self._refused[row], Expired):
                return why  # with all of its candidates, whatever batches they were in
        rows = [row for row in rows if row not in self._refused]
        if drop and rows:
            return ScoredList(listed.id, rows, listed.dropped + len(faults))
        why = self._refused[faults[0]]
        return refusal(why.reason, f"candidate {self._decoded.ids[faults[0]]!r}: {why.message}")

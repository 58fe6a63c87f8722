"""The wire format of predictions about lists of candidates: as `app.codecs.prediction`, with candidates for classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from app.codecs.prediction import at_least, head_of, id_texts, score_texts
from app.codecs.verdict import refusal
from app.errors import Reason, RejectedRecord

_ENTRY = b'{"rank":%d,"label":%b,"score":%b}'


@dataclass(frozen=True, slots=True)
class ScoredList:
    """The candidates of one record that have a score.

    Attributes:
        id: the record's.
        rows: their places among all candidates, in the record's order.
        dropped: how many others the record has.
    """

    id: str | int
    rows: Sequence[int]
    dropped: int = 0


class ListEncoder:
    """Write rankings of candidates as the values of output records.

    Best first; ties keep the order of the record, and scores that are NaN come last, as `null`.

    Args:
        model: the model's name.
        version: its version.
        top_k: entries to keep; 0 keeps all.
        min_score: entries below it, and those without a number, are left out; None keeps all.
        tells_dropped: whether a value says how many candidates were left out for their faults, as `"dropped":2`.
    """

    def __init__(
        self, *, model: str, version: str, top_k: int, min_score: float | None, tells_dropped: bool = False
    ) -> None:
        self._head = head_of(model, version, b',"dropped":%%b' if tells_dropped else b"")
        self._top_k = top_k
        self._min_score = min_score
        self._tells_dropped = tells_dropped

    def encode(
        self, lists: Sequence[ScoredList], ids: Sequence[str | int], scores: npt.NDArray[Any]
    ) -> list[bytes | RejectedRecord]:
        """Return the value of each list's output record, or why it has none.

        Args:
            lists: of candidates.
            ids: of all candidates.
            scores: `[R]`, of the same.
        """
        if not lists:
            return []
        try:
            return list(self._values(lists, ids, scores))
        except orjson.JSONEncodeError as error:
            if len(lists) == 1:
                return [refusal(Reason.NOT_ENCODABLE, f"the ranking cannot be written: {error}")]
            return [value for each in lists for value in self.encode([each], ids, scores)]

    def _values(
        self, lists: Sequence[ScoredList], ids: Sequence[str | int], scores: npt.NDArray[Any]
    ) -> list[bytes | RejectedRecord]:
        heights = np.array([len(each.rows) for each in lists])
        rows = np.concatenate([np.asarray(each.rows, np.intp) for each in lists])
        owners = np.repeat(np.arange(len(lists)), heights)
        order = np.lexsort((_descending(scores[rows]), owners))
        # How far down its list each of the sorted rows stands, counted from 0.
        places = np.arange(len(rows)) - np.repeat(np.cumsum(heights) - heights, heights)
        kept = places < self._top_k if self._top_k else np.ones(len(rows), bool)
        if self._min_score is not None:
            kept &= at_least(scores[rows][order], self._min_score)
        best = rows[order][kept]
        labels, written = id_texts([ids[row] for row in best.tolist()]), score_texts(scores[best])
        ends = np.cumsum(np.bincount(owners[kept], minlength=len(lists))).tolist()
        record_ids = id_texts([each.id for each in lists])
        values: list[bytes | RejectedRecord] = []
        start = 0
        for each, record_id, end in zip(lists, record_ids, ends, strict=True):
            head = self._head % ((record_id, b"%d" % each.dropped) if self._tells_dropped else record_id)
            entries = zip(range(1, end - start + 1), labels[start:end], written[start:end], strict=True)
            values.append(head + b",".join(map(_ENTRY.__mod__, entries)) + b"]}")
            start = end
        return values


def _descending(scores: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return keys that ascend where *scores* descend; those of NaN are the last."""
    # Not every integer has a negative, but each has a complement.
    return -scores if scores.dtype.kind == "f" else ~scores

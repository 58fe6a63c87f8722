"""The wire format of predictions: one JSON object per record, its best classes first."""

from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import orjson

from app.codecs.verdict import refusal
from app.errors import Reason, RejectedRecord
from models.predictor import TopK


class PredictionEncoder:
    """Write rankings as the values of output records.

    A value is compact UTF-8 with its keys in this order:
    `{"id":"r1","model":"mlp","model_version":"3","predictions":[{"rank":1,"label":"cat","score":0.93}]}`.

    A score is the shortest decimal that reads back as the same float32, or float64 where that is the model's type;
    integers are integers.

    Args:
        model: the model's name.
        version: its version.
        labels: one name per class; without them a class's label is what the row brings, else its index.
        min_score: entries below it, and those without a number, are left out; compared in the type of the scores; None
            keeps all.
        non_finite: `reject` refuses rows with a score that is NaN or infinite, `publish` writes such scores as `null`.
    """

    def __init__(
        self,
        *,
        model: str,
        version: str,
        labels: Sequence[str] | None,
        min_score: float | None,
        non_finite: Literal["reject", "publish"] = "reject",
    ) -> None:
        self._head = head_of(model, version)
        self._labels = None if labels is None else np.array([orjson.dumps(label) for label in labels], object)
        self._min_score = min_score
        self._rejects = non_finite == "reject"

    def encode(self, ids: Sequence[str | int], ranking: TopK) -> list[bytes | RejectedRecord]:
        """Return the value of each row's output record, or why it has none.

        Args:
            ids: `[B]`, the ids of the records.
            ranking: `[B, K]`, the best classes of the same rows.
        """
        if not ids:
            return []
        try:
            values = self._values(ids, ranking)
        except (orjson.JSONEncodeError, IndexError) as error:
            if len(ids) == 1:
                return [refusal(Reason.NOT_ENCODABLE, f"the ranking cannot be written: {error}")]
            alone = ((ids[row : row + 1], ranking.rows(row, row + 1)) for row in range(len(ids)))
            return [value for each in alone for value in self.encode(*each)]
        if self._rejects:
            for row in np.flatnonzero(~ranking.finite).tolist():
                values[row] = self._non_finite(ranking.rows(row, row + 1))
        return values

    def _values(self, ids: Sequence[str | int], ranking: TopK) -> list[bytes | RejectedRecord]:
        entries = ranking.scores.shape[1]
        labels, scores = self._label_texts(ranking), score_texts(ranking.scores)
        columns = [id_texts(ids)]
        for rank in range(entries):
            columns += [labels[rank::entries], scores[rank::entries]]
        texts = list(zip(*columns, strict=True))
        values: list[bytes | RejectedRecord] = list(map(_template(self._head, entries).__mod__, texts))
        if self._min_score is not None:
            # Best first, NaN and -inf last, so that what is left out is at the end.
            kept = at_least(ranking.scores, self._min_score).sum(axis=1)
            for row in np.flatnonzero(kept < entries).tolist():
                values[row] = _template(self._head, int(kept[row])) % texts[row][: 1 + 2 * kept[row]]
        return values

    def _label_texts(self, ranking: TopK) -> list[bytes]:
        """Return the labels of all entries, row by row, as JSON."""
        if ranking.labels is not None:
            return [_row_label(label) for label in ranking.labels.ravel().tolist()]
        if self._labels is not None:
            texts: list[bytes] = self._labels[ranking.indices.ravel()].tolist()
            return texts
        return [b'"%d"' % index for index in ranking.indices.ravel().tolist()]

    def _non_finite(self, ranking: TopK) -> RejectedRecord:
        wrong = np.flatnonzero(~np.isfinite(ranking.scores[0])).tolist()
        if not wrong:
            return refusal(Reason.NON_FINITE_SCORE, "a score below the best ones is NaN or infinite")
        label = self._label_texts(ranking)[wrong[0]].decode()
        return refusal(Reason.NON_FINITE_SCORE, f"the score of the class {label} is {ranking.scores[0, wrong[0]]}")


def head_of(model: str, version: str, more: bytes = b"") -> bytes:
    """Return how a value begins, with a hole for the id; *more* goes in before the rankings, `%` written twice."""
    head = b'{"id":%%b,"model":%b,"model_version":%b' + more + b',"predictions":['
    return head % tuple(orjson.dumps(name).replace(b"%", b"%%") for name in (model, version))


@lru_cache(maxsize=256)
def _template(head: bytes, entries: int) -> bytes:
    """Return a value with holes for the id, then the label and the score of every entry."""
    holes = [b'{"rank":%d,"label":%%b,"score":%%b}' % rank for rank in range(1, entries + 1)]
    return head + b",".join(holes) + b"]}"


def id_texts(ids: Sequence[str | int]) -> list[bytes]:
    """Return ids as JSON.

    Raises:
        JSONEncodeError: one is no text.
    """
    if not ids:
        return []
    # One call for all; with one id to a line they can be told apart, because a JSON text has no raw line breaks.
    return orjson.dumps(list(ids), option=orjson.OPT_INDENT_2)[4:-2].split(b",\n  ")


def score_texts(scores: npt.NDArray[Any]) -> list[bytes]:
    """Return scores as JSON, row by row: the shortest decimals that read back as the same."""
    if not scores.size:
        return []
    return orjson.dumps(np.ascontiguousarray(scores.ravel()), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")


def at_least(scores: npt.NDArray[Any], least: float) -> npt.NDArray[np.bool_]:
    """Tell which *scores* are not below a number, compared in their own type."""
    if scores.dtype.kind in "iu":
        return scores >= least
    # In the type of the scores: a float32 that is written as 0.1 is not below 0.1, though as a double it may be.
    with np.errstate(over="ignore"):
        # -inf is below any number, also below one that the type can only hold as -inf.
        bound = np.maximum(scores.dtype.type(least), np.finfo(scores.dtype).min)
    kept: npt.NDArray[np.bool_] = scores >= bound
    return kept


@lru_cache(maxsize=4096)
def _row_label(label: bytes) -> bytes:
    try:
        return orjson.dumps(label.decode())
    except UnicodeDecodeError:
        return orjson.dumps({"b64": b64encode(label).decode()})

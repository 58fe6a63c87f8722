"""What the service asks of a model: rows in, the best classes of each row out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from models.signature import Signature

Columns = Mapping[str, npt.NDArray[Any]]
"""One array `[B, ...]` per input of the signature, by name; `B` is the same in all. Strings are objects of `bytes`."""


def height(columns: Columns) -> int:
    """The number of rows in *columns*."""
    return len(next(iter(columns.values())))


@dataclass(frozen=True, slots=True)
class TopK:
    """The best classes of each row of a batch, best first.

    Attributes:
        scores: `[B, K]`, exactly what the model gave, in the model's own dtype (bfloat16 as float32).
        indices: `[B, K]` int32, the class (axis 1 of the model's scores) that each score belongs to.
        finite: `[B]` bool, False where any score of the row (also one below the cut) is NaN or infinite.
        labels: `[B, K]` of `bytes` when the model names the classes row by row, else None.
    """

    scores: npt.NDArray[Any]
    indices: npt.NDArray[np.int32]
    finite: npt.NDArray[np.bool_]
    labels: npt.NDArray[np.object_] | None = None

    def rows(self, start: int, stop: int) -> Self:
        """Return the ranking of the rows from *start* to before *stop*."""
        here = slice(start, stop)
        labels = None if self.labels is None else self.labels[here]
        return type(self)(self.scores[here], self.indices[here], self.finite[here], labels)

    def take(self, rows: Sequence[int]) -> Self:
        """Return the ranking of *rows*, which ascend."""
        if len(rows) == len(self.scores):
            return self
        here = np.asarray(rows, np.intp)
        labels = None if self.labels is None else self.labels[here]
        return type(self)(self.scores[here], self.indices[here], self.finite[here], labels)

    @classmethod
    def join(cls, parts: "Sequence[TopK]") -> "TopK":
        """Return rankings of consecutive rows as one."""
        if not parts:
            return cls(np.empty((0, 0), np.float32), np.empty((0, 0), np.int32), np.empty(0, np.bool_))
        if len(parts) == 1:
            return parts[0]
        labels = [part.labels for part in parts if part.labels is not None]
        return cls(
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.indices for part in parts]),
            np.concatenate([part.finite for part in parts]),
            np.concatenate(labels) if labels else None,
        )


class Predictor(Protocol):
    """A loaded model. `predict` blocks and may be called from several threads at once."""

    @property
    def name(self) -> str:
        """The model's name, as shown in outputs and metrics."""

    @property
    def version(self) -> str:
        """The version folder's number without leading zeros, or `unversioned`."""

    @property
    def device(self) -> str:
        """Where it runs: `cpu`, `gpu:0`, ..."""

    @property
    def fingerprint(self) -> str:
        """What its files hash to, `sha256:...`; empty where it has none."""

    @property
    def signature(self) -> Signature:
        """The inputs a row must bring."""

    @property
    def classes(self) -> int | None:
        """How many scores a row gets; None when the signature leaves it open."""

    @property
    def labels(self) -> Sequence[str] | None:
        """`N` names, one per class; None when rows bring their own or the class count is unknown."""

    @property
    def largest_batch(self) -> int | None:
        """The most rows that one call of the model takes, more are split; None: any number."""

    @property
    def quick_rows(self) -> int:
        """The most rows of which a call surely takes no longer than handing it to a thread would; 0: no call does."""

    def predict(self, columns: Columns) -> TopK:
        """Score a batch and keep the best classes of each row.

        Ties keep the model's order of classes.

        Raises:
            RowsRefused: some rows may be at fault; tried alone, the others will pass.
            OutOfMemory: the device's memory did not hold the batch; fewer rows at once may fit.
            ModelUnavailable: the failure is not in the rows.
        """

    def give_up(self) -> None:
        """End the calls that run, as far as they can be, and answer no more; they raise ModelUnavailable."""

    def answers(self) -> bool:
        """Whether the model answers a known good row; asked before a record is blamed. Blocks like `predict`."""

    def warm_up(self, batch_size: int) -> None:
        """Run made-up rows through, so that no record pays for the first call.

        One and *batch_size* at a time, or as many as each allowed size up to there. Where the device's memory does not
        hold so many rows: as many as it holds.

        Raises:
            ModelNotUsable: the model cannot answer even these rows.
        """

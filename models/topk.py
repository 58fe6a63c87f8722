"""The best classes of each row, by NumPy."""

from typing import Any

import numpy as np
import numpy.typing as npt

from models.predictor import TopK


def best_classes(scores: npt.NDArray[Any], top_k: int) -> TopK:
    """Return the *top_k* best classes of each row, all when it is 0.

    Ties keep the order of the classes; NaN comes last.

    Args:
        scores: `[B, N]`.
        top_k: entries to keep; fewer when `N < top_k`.
    """
    order = _descending(scores)[:, : top_k or None]
    return TopK(
        scores=np.take_along_axis(scores, order, axis=1),
        indices=order.astype(np.int32),
        finite=np.logical_and.reduce(np.isfinite(scores), axis=1),
    )


def _descending(scores: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    if scores.dtype.kind == "f":
        order: npt.NDArray[np.intp] = np.argsort(-scores, axis=1, kind="stable")
        return order
    # Not every integer has a negative: sorted upwards from behind, which keeps the order of ties when read backwards.
    behind = np.argsort(scores[:, ::-1], axis=1, kind="stable")[:, ::-1]
    found: npt.NDArray[np.intp] = scores.shape[1] - 1 - behind
    return found

"""How far two rankings of the same rows agree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.predictor import TopK


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two rankings of `B` rows have in common.

    Attributes:
        same_top: `[B]` bool, whether the best label is the same.
        correlation: `[B]` float64, Spearman's rank correlation from -1 to 1 over the labels that either of both has;
            those that one of them lacks share the place behind its last. 1 where there is only one label.
    """

    same_top: npt.NDArray[np.bool_]
    correlation: npt.NDArray[np.float64]


def named(ranking: TopK, labels: Sequence[str] | None) -> npt.NDArray[np.object_]:
    """Return the label of each entry as it is published, `[B, K]` of `bytes`.

    Args:
        ranking: `[B, K]`.
        labels: those of the classes; None: they are called by their number.
    """
    if ranking.labels is not None:
        return ranking.labels
    if labels is None:
        most = int(ranking.indices.max(initial=-1)) + 1
        return _objects([b"%d" % number for number in range(most)])[ranking.indices]
    most = max(len(labels), int(ranking.indices.max(initial=-1)) + 1)
    names = [label.encode() for label in labels] + [b"%d" % number for number in range(len(labels), most)]
    return _objects(names)[ranking.indices]


def agreement(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> Agreement:
    """Compare rankings row by row.

    Args:
        one: `[B, K]`, what each row's entries are called, best first; no name twice in a row.
        other: `[B, L]`, the same by somebody else.
    """
    first, second = _numbered(one, other)
    same_top = first[:, 0] == second[:, 0]
    if one.shape == other.shape and (first == second).all():
        return Agreement(same_top, np.ones(len(first)))
    return Agreement(same_top, _correlation(first, second))


def _correlation(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    mine, others = one.shape[1], other.shape[1]
    there = _places(one, other)
    common = (there >= 0).sum(axis=1)
    union = mine + others - common
    mean = (union - 1) / 2
    # Names that a ranking lacks share the places behind its own: each of them counts as the middle of these.
    behind_one, behind_other = (mine + union - 1) / 2 - mean, (others + union - 1) / 2 - mean
    here = np.arange(mine) - mean[:, np.newaxis]
    beyond = np.where(there >= 0, there - mean[:, np.newaxis], behind_other[:, np.newaxis])
    missing = _places(other, one) < 0
    lacking = np.where(missing, np.arange(others) - mean[:, np.newaxis], 0.0).sum(axis=1)
    covariance = (here * beyond).sum(axis=1) + behind_one * lacking
    spread = _spread(mine, union, mean, behind_one) * _spread(others, union, mean, behind_other)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 0, covariance / np.sqrt(spread), 1.0).clip(-1.0, 1.0)


def _spread(
    entries: int, union: npt.NDArray[Any], mean: npt.NDArray[np.float64], behind: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    squares: npt.NDArray[np.float64] = ((np.arange(entries) - mean[:, np.newaxis]) ** 2).sum(axis=1)
    return squares + (union - entries) * behind**2


def _places(wanted: npt.NDArray[np.int64], ranking: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the place in *ranking* of each name in *wanted*, -1 where it has none; both are of the same rows."""
    rows, entries = ranking.shape
    # One sorted run of numbers for all rows, in which those of a row stand together.
    span = int(max(wanted.max(initial=0), ranking.max(initial=0))) + 1
    offset = np.arange(rows)[:, np.newaxis] * span
    keys = (ranking + offset).ravel()
    order = np.argsort(keys)
    sought = (wanted + offset).ravel()
    found = np.searchsorted(keys, sought, sorter=order).clip(max=len(keys) - 1)
    places = np.where(keys[order[found]] == sought, order[found] % entries, -1)
    return places.reshape(wanted.shape)


def _numbered(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return both with a number for each name."""
    if one.dtype != object:
        return one.astype(np.int64), other.astype(np.int64)
    numbers: dict[bytes, int] = {}
    first, second = (
        np.array([numbers.setdefault(name, len(numbers)) for name in names.ravel().tolist()], np.int64)
        for names in (one, other)
    )
    return first.reshape(one.shape), second.reshape(other.shape)


def _objects(names: Sequence[bytes]) -> npt.NDArray[np.object_]:
    return np.array([*names, None], object)[:-1]

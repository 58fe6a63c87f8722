"""Sums over the field and over the past: `[M, P]` in, and a mask that says which participants were seen."""

import numpy as np

from models.race.race import Booleans, Floats


def middle(values: Floats, seen: Booleans) -> Floats:
    """Return `[M, 1]`, the median of those seen at each moment; 0 where there is nobody."""
    counts = seen.sum(axis=1)
    ordered = np.sort(np.where(seen, values, np.inf), axis=1)
    rows = np.arange(len(values))
    low, high = (np.clip(index, 0, values.shape[1] - 1) for index in ((counts - 1) // 2, counts // 2))
    with np.errstate(invalid="ignore"):
        both = (ordered[rows, low] + ordered[rows, high]) / 2
    return np.where(counts > 0, both, 0.0)[:, None]


def mean(values: Floats, seen: Booleans) -> Floats:
    """Return `[M, 1]`, the mean of those seen at each moment; 0 where there is nobody."""
    total = np.where(seen, values, 0.0).sum(axis=1, keepdims=True)
    return np.asarray(total / np.maximum(seen.sum(axis=1, keepdims=True), 1))


def behind_next(gap: Floats, seen: Booleans) -> Floats:
    """Return `[M, P]`, how far each is behind the next one ahead; 0 for the leader."""
    order = np.argsort(np.where(seen, gap, np.inf), axis=1, kind="stable")
    ordered = np.take_along_axis(np.where(seen, gap, 0.0), order, axis=1)
    steps = np.diff(ordered, axis=1, prepend=ordered[:, :1])
    steps = np.where(np.take_along_axis(seen, order, axis=1), steps, 0.0)
    result = np.zeros_like(gap)
    np.put_along_axis(result, order, steps, axis=1)
    return result


def before_next(gap: Floats, seen: Booleans) -> Floats:
    """Return `[M, P]`, how far each is before the next one behind; 0 for the last."""
    return behind_next(-gap, seen)


def lagged_mean(values: Floats, counted: Booleans, width: int) -> Floats:
    """Return `[M, P]`, the mean of the last *width* counted values up to each moment; 0 before the first.

    Args:
        values: `[M, P]`.
        counted: `[M, P]`; others are passed over, so that they count for nobody's mean.
    """
    count = np.zeros(values.shape[1], np.int64)
    sums = np.zeros((len(values) + 1, values.shape[1]))  # of the first n counted values, by n
    result = np.zeros_like(values)
    everyone = np.arange(values.shape[1])
    for moment, (row, mask) in enumerate(zip(values, counted, strict=True)):
        sums[count + mask, everyone] = np.where(mask, sums[count, everyone] + row, sums[count, everyone])
        count = count + mask
        first = np.maximum(count - width, 0)
        result[moment] = (sums[count, everyone] - sums[first, everyone]) / np.maximum(count - first, 1)
    return result


def since(happened: Booleans) -> Floats:
    """Return `[M, P]`, moments since it last happened, or since the start."""
    moments = np.arange(1, len(happened) + 1)[:, None]
    latest = np.maximum.accumulate(np.where(happened, moments, 0), axis=0)
    return (moments - latest).astype(np.float64)

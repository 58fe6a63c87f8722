"""Sets of offsets, as runs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Offsets = npt.NDArray[np.int64]

_BLOCK = 1 << 20
_ONE_PAST = np.array([0, 1])  # the second edge of a run is found behind it


@dataclass(frozen=True, slots=True, eq=False)
class Ranges:
    """Offsets in ascending order, without repetition.

    Attributes:
        bounds: `[N, 2]`, the first and the last offset of each run.
    """

    bounds: Offsets

    @classmethod
    def of(cls, offsets: Offsets) -> "Ranges":
        """The runs of *offsets*, which may come in any order and more than once."""
        ordered = np.unique(offsets)
        breaks = np.flatnonzero(np.diff(ordered) != 1)
        firsts = ordered[np.concatenate(([0], breaks + 1))] if len(ordered) else ordered
        lasts = ordered[np.concatenate((breaks, [-1]))] if len(ordered) else ordered
        return cls(np.stack((firsts, lasts), axis=1))

    @classmethod
    def where(cls, flags: npt.NDArray[np.uint8], mask: int, value: int, start: int) -> "Ranges":
        """The runs of flags that are *value* under *mask*; the first flag is that of the offset *start*."""
        runs = []
        for begin in range(0, len(flags), _BLOCK):
            inside = (flags[begin : begin + _BLOCK] & mask) == value
            edges = np.flatnonzero(np.diff(inside.astype(np.int8), prepend=0, append=0))
            runs.append(edges.reshape(-1, 2) + start + begin - _ONE_PAST)
        return cls(_joined(np.concatenate(runs))) if runs else NOTHING

    @property
    def count(self) -> int:
        """How many offsets."""
        return int((self.bounds[:, 1] - self.bounds[:, 0]).sum()) + len(self.bounds)

    def __len__(self) -> int:
        """How many runs."""
        return len(self.bounds)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The first and the last offset of each run."""
        return iter((int(first), int(last)) for first, last in self.bounds)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and np.array_equal(self.bounds, other.bounds)

    def __hash__(self) -> int:
        return hash(self.bounds.tobytes())


NOTHING = Ranges.of(np.empty(0, np.int64))


def _joined(bounds: Offsets) -> Offsets:
    """Make one run of two that meet where blocks do."""
    begins = np.ones(len(bounds), bool)
    begins[1:] = bounds[1:, 0] != bounds[:-1, 1] + 1
    ends = np.append(begins[1:], True)[: len(bounds)]
    return np.stack((bounds[begins, 0], bounds[ends, 1]), axis=1)

"""Many inputs of one number a row, given to TensorFlow as one tensor: each tensor costs a call several microseconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from models.runtime import tf

FEWEST = 4
"""Inputs of one dtype from which on it pays."""
_DTYPES = ("float32", "float64", "int32", "int64")


@dataclass(frozen=True, slots=True)
class Packing:
    """Which inputs go together.

    Attributes:
        groups: the places of inputs that are one tensor `[B, K]`, ascending; each input is in one group or alone.
        alone: the places of the others.
    """

    groups: tuple[tuple[int, ...], ...]
    alone: tuple[int, ...]

    @classmethod
    def of(cls, specs: Sequence[Any]) -> Self:
        """Put the inputs of these specs together, as far as they have one number a row and a dtype in common."""
        alike = [
            tuple(place for place, spec in enumerate(specs) if spec.shape.rank == 1 and spec.dtype.name == dtype)
            for dtype in _DTYPES
        ]
        groups = tuple(places for places in alike if len(places) >= FEWEST)
        packed = {place for places in groups for place in places}
        return cls(groups, tuple(place for place in range(len(specs)) if place not in packed))

    def specs(self, specs: Sequence[Any]) -> list[Any]:
        """Return the specs of what is given instead: the groups, then those alone."""
        together = [
            tf.TensorSpec([specs[places[0]].shape[0], len(places)], specs[places[0]].dtype) for places in self.groups
        ]
        return together + [specs[place] for place in self.alone]

    def pack(self, arrays: Sequence[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """Return one array for each of `specs`."""
        together = [np.stack([arrays[place] for place in places], axis=1) for places in self.groups]
        return together + [arrays[place] for place in self.alone]

    def unpack(self, tensors: Sequence[Any]) -> list[Any]:
        """Return one tensor for each input, in the graph."""
        found: dict[int, Any] = dict(zip(self.alone, tensors[len(self.groups) :], strict=True))
        for places, tensor in zip(self.groups, tensors, strict=False):
            found |= zip(places, tf.unstack(tensor, num=len(places), axis=1), strict=True)
        return [found[place] for place in range(len(found))]

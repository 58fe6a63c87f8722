"""The same selection from every array of a dataclass."""

from collections.abc import Callable
from dataclasses import Field, fields
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float32]


class Arrays(Protocol):
    """A dataclass whose fields are arrays."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


A = TypeVar("A", bound=Arrays)


def of_each(arrays: A, select: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> A:
    """Return a copy of *arrays* in which each array is what *select* makes of it."""
    return type(arrays)(**{one.name: select(getattr(arrays, one.name)) for one in fields(arrays)})

"""Tensors of rows that differ in shape, made one by padding."""

from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import ModelNotUsable
from models.scores import INTEGERS
from models.signature import TensorSpec


def pad_value_for(spec: TensorSpec, value: float) -> Any:
    """Return *value* as an element of *spec*; strings are padded with empty ones.

    Raises:
        ModelNotUsable: the dtype cannot hold it.
    """
    if spec.dtype == "string":
        return b""
    if spec.dtype in INTEGERS and not (value.is_integer() and _holds(spec.dtype, value)):
        raise ModelNotUsable(f"input {spec.name!r} is {spec.dtype} and cannot be padded with {value:g}")
    if spec.dtype == "float16" and abs(value) > np.finfo(np.float16).max:
        raise ModelNotUsable(f"input {spec.name!r} is float16 and cannot be padded with {value:g}")
    return int(value) if spec.dtype in INTEGERS else bool(value) if spec.dtype == "bool" else value


def _holds(dtype: str, value: float) -> bool:
    limits = np.iinfo(dtype)
    return limits.min <= int(value) <= limits.max


def padded(cells: npt.NDArray[np.object_], value: Any) -> npt.NDArray[Any]:
    """Return `[B]` tensors of the same rank, at least one, as one array; each axis is as long as the longest."""
    shape = np.max([cell.shape for cell in cells], axis=0)
    array = np.full((len(cells), *shape), value, cells[0].dtype)
    for row, cell in enumerate(cells):
        place: tuple[Any, ...] = (row, *map(slice, cell.shape))
        array[place] = cell
    return array

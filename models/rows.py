"""Made-up rows that fit a signature."""

import numpy as np

from models.predictor import Columns
from models.signature import Signature, TensorSpec


def made_up_rows(signature: Signature, count: int, *, rank: int = 0, true: bool = False) -> Columns:
    """Return *count* rows of zeros and empty strings, without what is optional; axes of any length have length 1.

    Inputs of any shape have *rank* such axes. Booleans are as *true* says.

    bfloat16, which NumPy does not know, is float32.
    """
    return {
        spec.name: np.ones_like(made) if true and spec.dtype == "bool" and not spec.loose else made
        for spec in signature.inputs
        for made in [_loose(spec, count) if spec.loose else _filled(spec, count, rank)]
    }


def _loose(spec: TensorSpec, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.object_]]:
    column = np.full(count, None, object)
    if not spec.optional:
        for row, cell in enumerate(_filled(spec, count)):
            column[row] = cell
    return column


def _filled(spec: TensorSpec, count: int, rank: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    lengths = (1,) * rank if spec.shape is None else spec.shape
    dtype, shape = spec.dtype, (count, *(1 if length is None else length for length in lengths))
    if dtype == "string":
        return np.full(shape, b"", dtype=object)
    return np.zeros(shape, dtype="float32" if dtype == "bfloat16" else dtype)

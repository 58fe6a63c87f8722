"""Made-up rows that fit a signature."""

import numpy as np

from models.predictor import Columns
from models.signature import Signature


def made_up_rows(signature: Signature, count: int) -> Columns:
    """Return *count* rows of zeros and empty strings; axes of any length have length 1.

    bfloat16, which NumPy does not know, is float32.
    """
    return {
        spec.name: _fill(spec.dtype, (count, *(1 if length is None else length for length in spec.shape)))
        for spec in signature.inputs
    }


def _fill(dtype: str, shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    if dtype == "string":
        return np.full(shape, b"", dtype=object)
    return np.zeros(shape, dtype="float32" if dtype == "bfloat16" else dtype)

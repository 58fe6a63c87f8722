"""Made-up rows that fit a signature."""

import numpy as np

from models.predictor import Columns
from models.signature import Signature, TensorSpec


def made_up_rows(signature: Signature, count: int) -> Columns:
    """Return *count* rows of zeros and empty strings, without what is optional; axes of any length have length 1.

    bfloat16, which NumPy does not know, is float32.
    """
    return {
        spec.name: np.full(count, None, object) if spec.optional else _filled(spec, count) for spec in signature.inputs
    }


def _filled(spec: TensorSpec, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    dtype, shape = spec.dtype, (count, *(1 if length is None else length for length in spec.shape))
    if dtype == "string":
        return np.full(shape, b"", dtype=object)
    return np.zeros(shape, dtype="float32" if dtype == "bfloat16" else dtype)

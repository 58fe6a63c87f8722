"""What one element of a tensor may be: its NumPy type, its range, how it is packed."""

import sys
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Kind = Literal["float", "int", "bool", "string"]

_FLOATS = {
    "float16": ("e", 65504.0),
    # No struct code packs a bfloat16: it is packed as the float32 that its cast from a double begins with.
    "bfloat16": ("f", float.fromhex("0x1.fep+127")),
    "float32": ("f", float.fromhex("0x1.fffffep+127")),
    "float64": ("d", sys.float_info.max),
}
_INTS = {
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
}


@dataclass(frozen=True, slots=True)
class Element:
    """An element type that JSON can carry.

    Attributes:
        name: NumPy's name of the type, or `string`.
        kind: what JSON has for it.
        dtype: the NumPy type of a column; `object` for strings.
        code: the letter with which `struct` packs one element; empty for strings.
        packed: the NumPy type that reads packed elements.
        low: the least finite value; 0 where there is no range.
        high: the greatest finite value; 0 where there is no range.
    """

    name: str
    kind: Kind
    dtype: np.dtype[Any]
    code: str
    packed: np.dtype[Any]
    low: float = 0
    high: float = 0

    @classmethod
    def of(cls, dtype: str) -> "Element":
        """Return the element type that a signature calls *dtype*.

        Raises:
            ValueError: JSON has nothing that could become it.
        """
        if dtype in _FLOATS:
            code, high = _FLOATS[dtype]
            return cls(dtype, "float", _float(dtype), code, np.dtype(code), -high, high)
        if dtype in _INTS:
            limits = np.iinfo(dtype)
            return cls(dtype, "int", limits.dtype, _INTS[dtype], limits.dtype, int(limits.min), int(limits.max))
        if dtype == "bool":
            return cls(dtype, "bool", np.dtype(bool), "?", np.dtype(bool))
        if dtype == "string":
            return cls(dtype, "string", np.dtype(object), "", np.dtype(object))
        raise ValueError(f"JSON has nothing for the dtype {dtype}")

    def holds(self, number: float) -> bool:
        """Tell whether *number* is in range; a float that rounds to the greatest finite value is."""
        if self.low <= number <= self.high:
            return True
        if self.kind == "int":
            return False
        with np.errstate(over="ignore"):
            return bool(np.isfinite(np.array(number, np.float64).astype(self.packed).astype(self.dtype)))


def _float(dtype: str) -> np.dtype[Any]:
    if dtype == "bfloat16":
        import ml_dtypes  # NumPy has no bfloat16 of its own; this one comes with TensorFlow

        dtype = ml_dtypes.bfloat16
    return np.dtype(dtype)

"""A JSON number as it was written, so that none of its digits is lost."""

import re

_LITERAL = re.compile(r"(-?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?)(\d+))?")

# More digits than any integer type has: an integer of that many is out of range, whatever its digits.
_BEYOND_RANGE = 40
_BEYOND_EXPONENT = 10**18


class Number(str):
    """The literal of a JSON number."""

    __slots__ = ()

    @property
    def is_integer(self) -> bool:
        """Whether it is written without fraction and exponent."""
        return not any(mark in self for mark in ".eE")

    def to_float(self) -> float:
        """Return the nearest double: infinity beyond the range, 0 below it."""
        # An integer has no signed zero; JSON parsers agree that `-0` is 0 and `-0.0` is not.
        return float(self) if self != "-0" else 0.0

    def to_int(self) -> int:
        """Return the integer that is written here, as `3`, `3.0` or `3e2`.

        One of more than 40 digits is returned as another one of its sign that fits no integer type either.

        Raises:
            ValueError: it is no whole number.
        """
        sign, digits, exponent = self._parts()
        if not digits:
            return 0
        if exponent < 0:
            raise ValueError(f"{self} is no whole number")
        if len(digits) + exponent > _BEYOND_RANGE:
            digits, exponent = "1", _BEYOND_RANGE
        return int(sign + digits + "0" * exponent)

    def _parts(self) -> tuple[str, str, int]:
        """Return the sign, the significant digits (none for zero) and the power of ten of the last of them."""
        match = _LITERAL.fullmatch(self)
        if match is None:
            raise ValueError(f"{self} is no JSON number")
        sign, whole, fraction, power_sign, power = match.groups(default="")
        written = whole + fraction
        digits = written.rstrip("0")
        exponent = -_power(power) if power_sign == "-" else _power(power)
        return sign, digits.lstrip("0"), exponent - len(fraction) + len(written) - len(digits)


def _power(digits: str) -> int:
    """Return the integer of *digits*, 0 for none; one that is too long to matter exactly is cut down."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= 18 else _BEYOND_EXPONENT

"""The id of a record: what may be one."""

from typing import Any

from app.codecs.number import Number

MAX_BYTES = 1024
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

MAX_PLAIN_CHARS = MAX_BYTES // 4
"""Text of so many characters fits in any case: UTF-8 has at most 4 bytes for one."""

EXPECTATION = f"expected text of at most {MAX_BYTES} bytes, or a 64-bit integer"


def read_id(value: Any) -> str | int:
    """Return the id that a JSON value is; numbers are `Number`, as the exact parser gives them.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, Number):
        if value.is_integer and INT64_MIN <= (number := value.to_int()) <= INT64_MAX:
            return number
    elif isinstance(value, str) and len(value.encode()) <= MAX_BYTES:  # a lone surrogate is a ValueError too
        return value
    raise ValueError("neither short text nor a 64-bit integer")


def is_plain(value: Any) -> bool:
    """Tell whether a value that was not parsed as an id is one beyond doubt."""
    return (
        value is None
        or (type(value) is str and len(value) <= MAX_PLAIN_CHARS)
        or (type(value) is int and INT64_MIN <= value <= INT64_MAX)
    )

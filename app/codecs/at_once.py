"""Many JSON values parsed in one call, which spares a call for each of them."""

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec


class AtOnce:
    """Parse values of one type, as a list in which a number that nobody can know stands between them.

    By that it shows whether each of them is whole: two halves of a value, or two values in one place, would not leave
    these numbers where they belong.

    Args:
        kind: a struct.
        max_bytes: longer values are not parsed.

    Raises:
        ValueError: msgspec cannot express it.
    """

    def __init__(self, kind: type[msgspec.Struct], max_bytes: int) -> None:
        self._kinds = {kind}
        self._max_bytes = max_bytes
        self._mark = secrets.randbits(62)
        self._between = b",%d," % self._mark
        self._parse = msgspec.json.Decoder(list[kind | int]).decode  # type: ignore[valid-type]  # made at run time

    def parse(self, values: Sequence[bytes | None]) -> list[Any]:
        """Return what each of *values* brings.

        Raises:
            DOUBTS: one of them is missing, too long, not UTF-8 or not a value of the type.
        """
        if None in values or max(map(len, values), default=0) > self._max_bytes:  # type: ignore[arg-type]  # none is None
            raise ValueError("a value is missing or too long")
        joined = self._between.join(values)  # type: ignore[arg-type]  # none is None
        if not joined.isascii():
            joined.decode()
        found = self._parse(b"[%b]" % joined)
        parsed: list[Any] = found[::2]
        others = found[1::2]
        if len(parsed) != len(values) or others != [self._mark] * len(others) or set(map(type, parsed)) - self._kinds:
            raise ValueError("not one value in each place")
        return parsed

"""Where a letter stands in the dead-letter topic, written `PARTITION@OFFSET`."""

import re
from typing import NamedTuple, Self

_PLACE = re.compile(r"([0-9]{1,9})@([0-9]{1,18})")


class Place(NamedTuple):
    """Partition and offset."""

    partition: int
    offset: int

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the place that *text* names.

        Raises:
            ValueError: it names none.
        """
        if not (match := _PLACE.fullmatch(text)):
            raise ValueError(f"{text!r} is not PARTITION@OFFSET, such as 2@17")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.partition}@{self.offset}"

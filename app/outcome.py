"""What becomes of records."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from app.errors import RejectedRecord
from app.records import RecordFactory


class MemberScore(msgspec.Struct, frozen=True, gc=False):
    """The score of a member of a group; its group's ranking is made when the record's turn to be published comes.

    Attributes:
        group: the group's name, as JSON.
        member: the member's, likewise.
        text: the score, as JSON.
        number: the same as a number, the one that the text reads back as; NaN sorts last.
        order: what the record says of its place in time; None where nobody asks.
        head: how the published value begins, up to its entries.
    """

    group: bytes
    member: bytes
    text: bytes
    number: int | float
    order: int | float | None
    head: bytes


class GroupOver(msgspec.Struct, frozen=True, gc=False):
    """A tombstone: the group is finished, and the tombstone is passed on. Its name is JSON, as text and as a number."""

    names: tuple[bytes, ...]


class Superseded(msgspec.Struct, frozen=True, gc=False):
    """A later record's ranking stands for this one's: nothing is published for it, and that one names its offset."""


SUPERSEDED = Superseded()

Outcome: TypeAlias = bytes | MemberScore | GroupOver | Superseded | RejectedRecord
"""What became of one record: the value to publish, or what it will be made of, or why there is none."""


class Outcomes(list[Outcome]):
    """What became of each record of a chunk, in order, and who makes what is published of it."""

    __slots__ = ("factories",)

    def __init__(self, outcomes: Iterable[Outcome], factories: Sequence[RecordFactory]) -> None:
        super().__init__(outcomes)
        self.factories = factories

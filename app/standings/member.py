"""One member of a group, with its newest score."""

from math import isnan

import msgspec

Key = tuple[bool, int | float, int]


class Member(msgspec.Struct, gc=False):
    """A member; a million of them are held, so there is nothing in it that could be left out.

    Attributes:
        label: its name, as JSON.
        text: its score, as JSON.
        number: the same as a number; NaN sorts last.
        first: the offset of the record with which it appeared; ties keep this order.
        offset: of the record that brought the score.
        order: what that record said of its place in time.
    """

    label: bytes
    text: bytes
    number: int | float
    first: int
    offset: int
    order: int | float | None = None


def key(member: Member) -> Key:
    """By what members are sorted: the best score first, the earliest of equals first, NaN last."""
    number = member.number
    return (True, 0, member.first) if isnan(number) else (False, -number, member.first)

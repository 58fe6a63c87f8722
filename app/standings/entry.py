"""The wire format of the state: one record per member, `["race-7","h1"]` to `{"offset":9,"first":3,"score":2.5}`."""

from math import isfinite

import msgspec

from app.records import Outgoing
from app.standings.member import Member

_LEAST = b'{"offset":%d,"first":%d,"score":%b}'
_WITH_ORDER = b'{"offset":%d,"first":%d,"score":%b,"order":%b}'


class _Value(msgspec.Struct, gc=False):
    offset: int
    first: int
    score: msgspec.Raw  # as it was written: two shortest decimals of a float32 may look different
    order: int | float | None = None


_keys = msgspec.json.Decoder(tuple[msgspec.Raw, msgspec.Raw])
_values = msgspec.json.Decoder(_Value)


def written(group: bytes, member: Member) -> Outgoing:
    """Return the record that keeps a member of *group*, whose name is JSON."""
    # JSON has nothing for numbers that are not finite.
    score = member.text if isfinite(member.number) else b'"%b"' % str(member.number).encode()
    if member.order is None:
        value = _LEAST % (member.offset, member.first, score)
    else:
        value = _WITH_ORDER % (member.offset, member.first, score, repr(member.order).encode())
    return Outgoing(_key(group, member.label), value, [])


def erased(group: bytes, member: bytes) -> Outgoing:
    """Return the record that ends a member of *group*; both names are JSON."""
    return Outgoing(_key(group, member), None, [])


def read_key(key: bytes | None) -> tuple[bytes, bytes]:
    """Return the names of the group and of the member in the *key* of a record, as JSON.

    Raises:
        ValueError: it is none of ours.
    """
    try:
        group, member = _keys.decode(key or b"")
    except msgspec.DecodeError as error:
        raise ValueError(f"no key of ours: {error}") from error
    return bytes(group), bytes(member)


def read_value(label: bytes, value: bytes) -> Member:
    """Return the member of that name that a *value* keeps.

    Raises:
        ValueError: it is none of ours.
    """
    try:
        kept = _values.decode(value)
        score = bytes(kept.score)
        infinite = score.startswith(b'"')
        number = float(score.strip(b'"')) if infinite else number_of(score)
    except (msgspec.DecodeError, ValueError) as error:
        raise ValueError(f"no value of ours: {error}") from error
    return Member(label, b"null" if infinite else score, number, kept.first, kept.offset, kept.order)


def number_of(text: bytes) -> int | float:
    """Return the number that a score is written as; equal scores have equal numbers, whatever they were computed in.

    Raises:
        ValueError: it is no number.
    """
    try:
        return int(text)
    except ValueError:
        return float(text)


def _key(group: bytes, member: bytes) -> bytes:
    return b"[%b,%b]" % (group, member)

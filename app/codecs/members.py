"""The wire format of standings: one object per record, which says whose row it brings."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import orjson

from app.codecs.columns import Row
from app.codecs.json import Decoded, Grouping, InputRecord, columns_of, fallback_id
from app.codecs.member_fields import MemberFields
from app.codecs.member_reader import Glance, MemberReader, Order, Peek
from app.codecs.prediction import head_of, id_texts
from app.codecs.verdict import refusal
from app.errors import Reason, RejectedRecord
from app.outcome import GroupOver
from models.signature import Signature


@dataclass(frozen=True, slots=True)
class Members:
    """Whose rows they are, by row of the decoded records that bring one.

    Attributes:
        groups: the names of the groups, as JSON.
        members: the names of the members, likewise.
        orders: their places in time.
    """

    groups: Sequence[bytes]
    members: Sequence[bytes]
    orders: Sequence[Order]


@dataclass(frozen=True, slots=True)
class DecodedMembers(Decoded):
    """What became of a chunk: every place is in one group of rows, among the rejected, or a tombstone's.

    Attributes:
        members: whose rows they are, in the order of their places.
        index: by place, which of the members.
        over: the places of tombstones, and the groups that they end.
    """

    members: Members
    index: Mapping[int, int]
    over: Mapping[int, GroupOver]


class MemberDecoder:
    """Turn the bytes of records into rows, and say whose they are. Otherwise as `JsonDecoder`.

    Args:
        signature: what a row must bring.
        fields: where all that is in a record.
        max_bytes: longer values are refused unread.

    Raises:
        StartFailed: JSON cannot carry a dtype; one line per mistake.
    """

    def __init__(self, signature: Signature, fields: MemberFields, *, max_bytes: int) -> None:
        columns = columns_of(signature)
        self._reader = MemberReader(columns, fields, max_bytes)
        self._grouping = Grouping(columns)

    def decode(self, records: Sequence[InputRecord], origin: str) -> DecodedMembers:
        """Return the rows of *records*, whose they are, and why the others bring none."""
        read = self._reader.read
        rows: list[Row] = []
        peeks: list[Peek] = []
        over: dict[int, GroupOver] = {}
        rejected: dict[int, RejectedRecord] = {}
        for place, record in enumerate(records):
            if record.value is None and record.key:
                over[place] = _ended_by(record.key)
                continue
            try:
                row, peek = read(record.value)
            except RejectedRecord as rejection:
                # A new one, because the traceback of this one keeps the parsed record alive.
                rejected[place] = RejectedRecord(rejection.reason, rejection.message)
                continue
            rows.append(row if row[0] is not None else (fallback_id(record, origin), *row[1:]))
            peeks.append(peek)
        positions = [place for place in range(len(records)) if place not in rejected and place not in over]
        groups, members, orders = zip(*peeks, strict=True) if peeks else ((), (), ())
        return DecodedMembers(
            tuple(self._grouping.groups(rows, positions)),
            tuple(rejected.items()),
            Members(id_texts(groups), id_texts(members), orders),
            {place: index for index, place in enumerate(positions)},
            over,
        )

    def glance(self, records: Iterable[InputRecord]) -> Glance:
        """Return whose *records* are, where that is plain at a glance; None for others, and for tombstones."""
        return self._reader.glance([record.value for record in records])

    def takes(self, record: InputRecord) -> bool:
        """Tell whether a record brings a row."""
        return self._reader.takes(record.value)


class HeadWriter:
    """Write how the values of output records begin: `{"id":…,"model":…,"model_version":…,"group":…,"predictions":[`.

    Args:
        model: the model's name.
        version: its version.
    """

    def __init__(self, *, model: str, version: str) -> None:
        self._head = head_of(model, version, b',"group":%%b')

    def heads(self, ids: Sequence[str | int], groups: Sequence[bytes]) -> list[bytes | RejectedRecord]:
        """Return the beginning for each record, or why it has none."""
        try:
            return list(map(self._head.__mod__, zip(id_texts(ids), groups, strict=True)))
        except orjson.JSONEncodeError as error:
            if len(ids) == 1:
                return [refusal(Reason.NOT_ENCODABLE, f"the ranking cannot be written: {error}")]
            return [self.heads([each], [group])[0] for each, group in zip(ids, groups, strict=True)]


def _ended_by(key: bytes) -> GroupOver:
    """The groups that a tombstone with this key ends: the one of that name, be it text or a number."""
    names = []
    with suppress(UnicodeDecodeError):  # no group is called so
        names.append(orjson.dumps(key.decode()))
    if key.isdigit() or (key[:1] == b"-" and key[1:].isdigit()):
        names.append(key)
    return GroupOver(tuple(names))

"""From the bytes of a record about a member of a group to its row: the fast way, and the exact one for all others."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from math import isinf
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from app.codecs.at_once import AtOnce
from app.codecs.columns import Column, Row
from app.codecs.exact import MISSING, ExactReader, find
from app.codecs.fast import DOUBTS, checked, doubt, types_of
from app.codecs.fields import FieldPath
from app.codecs.member_fields import MemberFields
from app.codecs.number import Number
from app.codecs.record_id import EXPECTATION, INT64_MAX, INT64_MIN, MAX_PLAIN_CHARS, is_plain, read_id
from app.codecs.tensor import Mismatch
from app.codecs.types import attribute_of, struct_of
from app.codecs.verdict import refusal, shown
from app.errors import Reason, RejectedRecord

_PLAIN_NAME = Annotated[str, Meta(max_length=MAX_PLAIN_CHARS)] | Annotated[int, Meta(ge=INT64_MIN, le=INT64_MAX)]
_PLAIN_ORDER = Annotated[int, Meta(ge=INT64_MIN, le=INT64_MAX)] | float

Name = str | int
Order = int | float | None
Whose = tuple[Name, Name]
"""The group and the member."""
Peek = tuple[Name, Name, Order]
"""The same, and the place in time."""

# Enough to spare most of what calls cost, and few enough for the processor's caches and for one that is in doubt.
_AT_ONCE = 128


class Glance(NamedTuple):
    """What records say at a glance.

    Attributes:
        whose: the group and the member of each, where they are plain; None for others.
        orders: their places in time; None where there is no such thing.
    """

    whose: list[Whose | None]
    orders: list[Order] | None


class _Fast(NamedTuple):
    """The parsers of one value and of many, and what makes of the result a row with group, member and order at its end.

    `row` raises one of `DOUBTS` only if it is *checked*; without its checks there are `whose` and `order`.
    """

    parse: Callable[[bytes], Any]
    parse_all: Callable[[Sequence[bytes | None]], list[Any]]
    row: Callable[[Any], Any]
    whose: Callable[[Any], Whose]
    order: Callable[[Any], Order]
    checked: bool


class MemberReader:
    """Read the bytes of one record about a member.

    Args:
        columns: the inputs of the signature.
        fields: where they are in a record.
        max_bytes: longer values are refused unread.
    """

    def __init__(self, columns: Sequence[Column], fields: MemberFields, max_bytes: int) -> None:
        self._fields = fields
        self._max_bytes = max_bytes
        self._exact = ExactReader(columns, fields.record, max_bytes)
        self._whole = _fast(columns, fields, max_bytes)
        self._names = _fast((), replace(fields, record=replace(fields.record, inputs=())), max_bytes)

    def read(self, value: bytes | None) -> tuple[Row, Peek]:
        """Return the row that *value* brings, and whose it is.

        Raises:
            RejectedRecord: why it brings none.
        """
        try:
            cells = self._whole.row(self._whole.parse(self._for_the_fast_way(value)))
        except DOUBTS:
            return self._read_exactly(value)
        return cells[:-3], cells[-3:]

    def takes(self, value: bytes | None) -> bool:
        """Tell whether *value* brings a row."""
        try:
            record = self._whole.parse(self._for_the_fast_way(value))
            if self._whole.checked:
                self._whole.row(record)
        except DOUBTS:
            try:
                self._read_exactly(value)
            except RejectedRecord:
                return False
        return True

    def glance(self, values: Sequence[bytes | None]) -> Glance:
        """Return whose records *values* are, as far as that is plain without looking at the rest."""
        names = self._names
        glance = Glance([], None if self._fields.order is None else [])
        for start in range(0, len(values), _AT_ONCE):
            some = values[start : start + _AT_ONCE]
            try:
                parsed = names.parse_all(some)
                if names.checked:
                    deque(map(names.row, parsed), maxlen=0)
            except DOUBTS:
                # One at least is in doubt; the others need not be.
                seen = list(map(self._peek, some))
                glance.whose.extend(None if each is None else each[:2] for each in seen)
                orders: Iterable[Order] = (None if each is None else each[2] for each in seen)
            else:
                glance.whose.extend(map(names.whose, parsed))
                orders = map(names.order, parsed)
            if glance.orders is not None:
                glance.orders.extend(orders)
        return glance

    def _peek(self, value: bytes | None) -> Peek | None:
        try:
            seen: Peek = self._names.row(self._names.parse(self._for_the_fast_way(value)))[-3:]
        except DOUBTS:
            return None
        return seen

    def _for_the_fast_way(self, value: bytes | None) -> bytes:
        if not value or len(value) > self._max_bytes or not (value.isascii() or value.decode()):
            raise ValueError("not for the fast way")
        return value

    def _read_exactly(self, value: bytes | None) -> tuple[Row, Peek]:
        document = self._exact.document(value)
        row = self._exact.row_in(document)
        group, member = (_name_in(document, path) for path in (self._fields.group, self._fields.member))
        order = None if self._fields.order is None else _order_in(document, self._fields.order)
        return row, (group, member, order)


def _fast(columns: Sequence[Column], fields: MemberFields, max_bytes: int) -> _Fast:
    try:
        types, checks = types_of(columns, fields.record)
        for place, path in ((-3, fields.group), (-2, fields.member)):
            if types.setdefault(path.names, _PLAIN_NAME) is not _PLAIN_NAME:
                checks.append((place, _check_name))
        # Without an order the member stands in for it until the end.
        order = fields.order or fields.member
        if fields.order is not None and types.setdefault(order.names, _PLAIN_ORDER) is not _PLAIN_ORDER:
            checks.append((-1, _check_order))
        kind = struct_of(types)
        parse, parse_all = msgspec.json.Decoder(kind).decode, AtOnce(kind, max_bytes).parse
    except ValueError:
        return _Fast(doubt, doubt, doubt, doubt, doubt, checked=True)
    paths = (fields.record.id, *fields.record.inputs, fields.group, fields.member, order)
    attributes = [attribute_of(types, path.names) for path in paths]
    read = attrgetter(*attributes)
    cells = checked(read, checks) if checks else read
    row = cells if fields.order is not None else lambda record: (*cells(record)[:-1], None)
    whose, place_in_time = attrgetter(*attributes[-3:-1]), attrgetter(attributes[-1])
    return _Fast(parse, parse_all, row, whose, place_in_time, checked=bool(checks))


def _check_name(value: Any) -> None:
    if value is None or not is_plain(value):
        raise ValueError("perhaps no name")


def _check_order(value: Any) -> None:
    if type(value) is not float and not (type(value) is int and INT64_MIN <= value <= INT64_MAX):
        raise ValueError("perhaps no number")


def _found(document: dict[str, Any], path: FieldPath) -> Any:
    try:
        value = find(document, path)
    except Mismatch as mismatch:
        raise refusal(mismatch.reason, f"{path.text}: {mismatch.detail}") from None
    if value is MISSING:
        raise refusal(Reason.MISSING_FIELD, f"{path.text}: missing; RANK_BY=standings needs it")
    return value


def _name_in(document: dict[str, Any], path: FieldPath) -> Name:
    value = _found(document, path)
    try:
        return read_id(value)
    except ValueError as error:
        raise refusal(Reason.WRONG_TYPE, f"{path.text}: {shown(value)}; {EXPECTATION}") from error


def _order_in(document: dict[str, Any], path: FieldPath) -> int | float:
    value = _found(document, path)
    if not isinstance(value, Number):
        raise refusal(Reason.WRONG_TYPE, f"{path.text}: {shown(value)}; expected a number")
    if value.is_integer and INT64_MIN <= (whole := value.to_int()) <= INT64_MAX:
        return whole
    if value.is_integer or isinf(number := value.to_float()):
        raise refusal(Reason.OUT_OF_RANGE, f"{path.text}: {shown(value)}; expected a 64-bit integer or a double")
    return number

"""The fast way through a record: a parser made from the signature, which takes only what is plainly right."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated, Any, NoReturn

import msgspec
from msgspec import Meta

from app.codecs.columns import Base64, Column, Row
from app.codecs.elements import Element
from app.codecs.fields import RecordFields
from app.codecs.record_id import INT64_MAX, INT64_MIN, MAX_PLAIN_CHARS, is_plain

DOUBTS = (msgspec.DecodeError, ValueError, RecursionError)
"""What the fast way raises about a record that the exact way must judge."""


@dataclass(frozen=True, slots=True)
class _Optional:
    """The type of a field that a record may lack: it is None then."""

    kind: Any


_ID = _Optional(
    Annotated[str, Meta(max_length=MAX_PLAIN_CHARS)] | Annotated[int, Meta(ge=INT64_MIN, le=INT64_MAX)] | None
)

_Names = tuple[str, ...]
_Check = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class FastReader:
    """The two steps from the bytes of a record to its row; both raise nothing but `DOUBTS`.

    The row is right if the bytes are UTF-8: the parser does not look into the texts that it skips.

    Attributes:
        parse: bytes to a struct.
        row: the struct to its row.
    """

    parse: Callable[[bytes], Any]
    row: Callable[[Any], Row]

    @classmethod
    def of(cls, columns: Sequence[Column], fields: RecordFields) -> "FastReader":
        """Make the parser for *columns*; where msgspec cannot express it, every record is in doubt."""
        if any(column.shape is None for column in columns):
            return cls(_doubt, _doubt)  # no type says lists of any depth
        inputs = list(zip(columns, fields.inputs, strict=True))
        types: dict[_Names, Any] = {fields.id.names: _ID} | {path.names: _cell(column) for column, path in inputs}
        if any(types[path.names] != _cell(column) for column, path in inputs):
            return cls(_doubt, _doubt)  # inputs of several types read one field
        try:
            parse = msgspec.json.Decoder(_struct(types)).decode
        except ValueError:
            return cls(_doubt, _doubt)  # no field of a struct has quotes, backslashes or control characters in its name
        row = attrgetter(*(_attribute(types, path.names) for path in (fields.id, *fields.inputs)))
        checks = list(_checks(columns))
        if types[fields.id.names] is not _ID:
            checks.append((0, _check_id))
        return cls(parse, _checked(row, checks) if checks else row)


def _doubt(_: Any) -> NoReturn:
    raise ValueError("only the exact way can tell")


def _checked(row: Callable[[Any], Row], checks: Sequence[tuple[int, _Check]]) -> Callable[[Any], Row]:
    def checked(record: Any) -> Row:
        cells = row(record)
        for place, check in checks:
            check(cells[place])
        return cells

    return checked


def _checks(columns: Sequence[Column]) -> Iterator[tuple[int, _Check]]:
    """Yield what a type cannot say: the cell's place in the row, and what raises ValueError about it."""
    for place, column in enumerate(columns, start=1):
        if None in (column.shape or ())[1:]:
            yield place, _unless_missing(column.extent) if column.optional else column.extent
        if column.element.kind == "int" and column.element.high > INT64_MAX:
            yield place, _unless_missing(column.check_range) if column.optional else column.check_range


def _unless_missing(check: _Check) -> _Check:
    return lambda cell: cell is None or check(cell)


def _check_id(value: Any) -> None:
    if not is_plain(value):
        raise ValueError("perhaps no id")


def _cell(column: Column) -> Any:
    """Return the type of a cell that is right but for `_checks`."""
    kind = _leaf(column.element)
    for length in reversed(column.shape or ()):
        kind = list[kind]  # type: ignore[valid-type]  # mypy knows only types that are spelt out
        if length is not None:
            kind = Annotated[kind, Meta(min_length=length, max_length=length)]
    return _Optional(kind) if column.optional else kind


def _leaf(element: Element) -> Any:
    match element.kind:
        case "string":
            return str | Base64
        case "bool":
            return bool
        case "int":
            # msgspec takes no bounds beyond int64.
            high = int(element.high) if element.high <= INT64_MAX else None
            return Annotated[int, Meta(ge=int(element.low), le=high)]
        case "float":
            return Annotated[float, Meta(ge=element.low, le=element.high)]


def _members(types: Mapping[_Names, Any]) -> dict[str, dict[_Names, Any]]:
    """Return what lies inside each field: the types by the rest of their path, which is empty for the field itself."""
    members: dict[str, dict[_Names, Any]] = {}
    for names, kind in types.items():
        members.setdefault(names[0], {})[names[1:]] = kind
    return members


def _struct(types: Mapping[_Names, Any]) -> type[msgspec.Struct]:
    members = _members(types)
    attributes = [f"f{place}" for place in range(len(members))]
    kinds = [inner[()] if () in inner else _struct(inner) for inner in members.values()]
    return msgspec.defstruct(
        "Record",
        [
            (attribute, kind.kind, None) if isinstance(kind, _Optional) else (attribute, kind)
            for attribute, kind in zip(attributes, kinds, strict=True)
        ],
        rename=dict(zip(attributes, members, strict=True)),
        kw_only=True,
        gc=False,
    )


def _attribute(types: Mapping[_Names, Any], names: _Names) -> str:
    """Return the dotted attribute of the struct that holds the field at *names*."""
    members = _members(types)
    attribute = f"f{list(members).index(names[0])}"
    return f"{attribute}.{_attribute(members[names[0]], names[1:])}" if names[1:] else attribute

"""Types for msgspec's parser, made from what a signature asks of a record."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.codecs.columns import Base64, Column
from app.codecs.elements import Element
from app.codecs.record_id import INT64_MAX, INT64_MIN, MAX_PLAIN_CHARS

Names = tuple[str, ...]
"""The keys that lead to a field, outermost first."""

Check = Callable[[Any], object]
"""Raises ValueError about a value."""


@dataclass(frozen=True, slots=True)
class Optional:
    """The type of a field that a record may lack: it is *default* then."""

    kind: Any
    default: Any = None


PLAIN_ID = Optional(
    Annotated[str, Meta(max_length=MAX_PLAIN_CHARS)] | Annotated[int, Meta(ge=INT64_MIN, le=INT64_MAX)] | None
)
"""An id that is one beyond doubt."""


def cell_type(column: Column) -> Any:
    """Return the type of a cell that is right but for `checks_of`."""
    kind = _leaf(column.element)
    for length in reversed(column.shape or ()):
        kind = list[kind]  # type: ignore[valid-type]  # mypy knows only types that are spelt out
        if length is not None:
            kind = Annotated[kind, Meta(min_length=length, max_length=length)]
    return Optional(kind) if column.optional else kind


def or_unset(kind: Any) -> Optional:
    """Return the type of a field that may be missing, though not null; it is `UNSET` then."""
    return Optional((kind.kind if isinstance(kind, Optional) else kind) | UnsetType, UNSET)


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


def checks_of(columns: Sequence[Column]) -> Iterator[tuple[int, Check]]:
    """Yield what a type cannot say: the cell's place in the row, and what checks it."""
    for place, column in enumerate(columns, start=1):
        if None in (column.shape or ())[1:]:
            yield place, _unless_missing(column.extent) if column.optional else column.extent
        if column.element.kind == "int" and column.element.high > INT64_MAX:
            yield place, _unless_missing(column.check_range) if column.optional else column.check_range


def _unless_missing(check: Check) -> Check:
    return lambda cell: cell is None or check(cell)


def struct_of(types: Mapping[Names, Any], *, lenient: bool = False) -> type[msgspec.Struct]:
    """Return the struct with a field of such a type at each path.

    Args:
        types: by path.
        lenient: whether an object on the way to a field may be missing; it is `UNSET` then.

    Raises:
        ValueError: no field of a struct can have such a name.
    """
    members = _members(types)
    attributes = [f"f{place}" for place in range(len(members))]
    return msgspec.defstruct(
        "Record",
        [_field(attribute, inner, lenient) for attribute, inner in zip(attributes, members.values(), strict=True)],
        rename=dict(zip(attributes, members, strict=True)),
        kw_only=True,
        gc=False,
    )


def _field(attribute: str, inner: Mapping[Names, Any], lenient: bool) -> Any:
    kind = inner[()] if () in inner else struct_of(inner, lenient=lenient)
    if lenient and () not in inner:
        kind = or_unset(kind)
    return (attribute, kind.kind, kind.default) if isinstance(kind, Optional) else (attribute, kind)


def attribute_of(types: Mapping[Names, Any], names: Names) -> str:
    """Return the dotted attribute of the struct of *types* that holds the field at *names*."""
    members = _members(types)
    attribute = f"f{list(members).index(names[0])}"
    return f"{attribute}.{attribute_of(members[names[0]], names[1:])}" if names[1:] else attribute


def _members(types: Mapping[Names, Any]) -> dict[str, dict[Names, Any]]:
    """Return what lies inside each field: the types by the rest of their path, which is empty for the field itself."""
    members: dict[str, dict[Names, Any]] = {}
    for names, kind in types.items():
        members.setdefault(names[0], {})[names[1:]] = kind
    return members

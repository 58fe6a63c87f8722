"""The fast way through a record: a parser made from the signature, which takes only what is plainly right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NoReturn

import msgspec

from app.codecs.columns import Column, Row
from app.codecs.fields import RecordFields
from app.codecs.record_id import is_plain
from app.codecs.types import PLAIN_ID, Check, Names, attribute_of, cell_type, checks_of, struct_of

DOUBTS = (msgspec.DecodeError, ValueError, RecursionError)
"""What the fast way raises about a record that the exact way must judge."""


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
        try:
            types, checks = types_of(columns, fields)
            parse = msgspec.json.Decoder(struct_of(types)).decode
        except ValueError:
            return cls(doubt, doubt)
        row = attrgetter(*(attribute_of(types, path.names) for path in (fields.id, *fields.inputs)))
        return cls(parse, checked(row, checks) if checks else row)


def types_of(columns: Sequence[Column], fields: RecordFields) -> tuple[dict[Names, Any], list[tuple[int, Check]]]:
    """Return the types of the fields of a record, and what they cannot say: the cell's place, and what checks it.

    Raises:
        ValueError: msgspec cannot express them.
    """
    if any(column.shape is None for column in columns):
        raise ValueError("no type says lists of any depth")
    inputs = list(zip(columns, fields.inputs, strict=True))
    types: dict[Names, Any] = {fields.id.names: PLAIN_ID} | {path.names: cell_type(column) for column, path in inputs}
    if any(types[path.names] != cell_type(column) for column, path in inputs):
        raise ValueError("inputs of several types read one field")
    checks = list(checks_of(columns))
    if types[fields.id.names] is not PLAIN_ID:
        checks.append((0, check_id))
    return types, checks


def doubt(_: Any) -> NoReturn:
    """Leave it to the exact way."""
    raise ValueError("only the exact way can tell")


def check_id(value: Any) -> None:
    """Raise ValueError unless *value* is an id beyond doubt."""
    if not is_plain(value):
        raise ValueError("perhaps no id")


def checked(row: Callable[[Any], Row], checks: Sequence[tuple[int, Check]]) -> Callable[[Any], Row]:
    """Return *row* such that its cells are checked too."""

    def with_checks(record: Any) -> Row:
        cells = row(record)
        for place, check in checks:
            check(cells[place])
        return cells

    return with_checks

"""The exact way through a record: slow, and the judge of everything that the fast way does not take."""

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from app.codecs.columns import Column, Row
from app.codecs.fields import FieldPath, RecordFields
from app.codecs.number import Number
from app.codecs.record_id import EXPECTATION, read_id
from app.codecs.tensor import Mismatch, read_cell
from app.codecs.verdict import refusal, shown
from app.errors import Reason

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MISSING = object()
"""What `find` returns where there is nothing."""


class ExactReader:
    """Read the bytes of one record and say what is wrong with it.

    Args:
        columns: the inputs of the signature.
        fields: where they are in a record.
        max_bytes: longer values are refused unread.
    """

    def __init__(self, columns: Sequence[Column], fields: RecordFields, max_bytes: int) -> None:
        self._inputs = list(zip(columns, fields.inputs, strict=True))
        self._id_path = fields.id
        self._max_bytes = max_bytes
        self._parser = json.JSONDecoder(parse_float=Number, parse_int=Number, parse_constant=_no_constant)

    def row(self, value: bytes | None) -> Row:
        """Return the row that *value* brings.

        Raises:
            RejectedRecord: why it brings none.
        """
        return self.row_in(self.document(value))

    def row_in(self, document: dict[str, Any]) -> Row:
        """Return the row that a *document* brings.

        Raises:
            RejectedRecord: why it brings none.
        """
        return (id_in(document, self._id_path), *(cell_in(document, column, path) for column, path in self._inputs))

    def document(self, value: bytes | None) -> dict[str, Any]:
        """Return the object that *value* is; its numbers are `Number`.

        Raises:
            RejectedRecord: it is none.
        """
        if not value:
            raise refusal(Reason.EMPTY, "the record has no value" if value is None else "the value has 0 bytes")
        if len(value) > self._max_bytes:
            raise refusal(
                Reason.TOO_LARGE,
                f"the value has {len(value)} bytes, RECORD_MAX_BYTES allows {self._max_bytes}",
            )
        document = self._parse(_text(value))
        if not isinstance(document, dict):
            raise refusal(Reason.NOT_AN_OBJECT, f"the value is {shown(document)}; expected an object")
        return document

    def _parse(self, text: str) -> Any:
        try:
            return self._parser.decode(text)
        except RecursionError as error:
            raise refusal(Reason.TOO_DEEP, "nested deeper than the JSON parser follows") from error
        except ValueError as error:
            raise refusal(Reason.INVALID_JSON, f"no JSON: {error}") from error


def _text(value: bytes) -> str:
    if value.startswith(_BYTE_ORDER_MARK):
        raise refusal(Reason.INVALID_JSON, "the value begins with a byte-order mark; JSON has none")
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise refusal(Reason.INVALID_UTF8, f"no UTF-8 at byte {error.start}: {error.reason}") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def find(document: dict[str, Any], path: FieldPath) -> Any:
    """Return the value that *path* leads to, or `MISSING`; null has no fields, so all of them are missing.

    Raises:
        Mismatch: something on the way is no object.
    """
    value: Any = document
    for depth, name in enumerate(path.names):
        if value is None:
            return MISSING
        if not isinstance(value, dict):
            raise Mismatch(Reason.WRONG_TYPE, f"{path.names[depth - 1]!r} is {shown(value)}; expected an object")
        if name not in value:
            return MISSING
        value = value[name]
    return value


def cell_in(document: dict[str, Any], column: Column, path: FieldPath) -> Any:
    """Return the cell that *document* brings for an input; None where it has none and need not have.

    Raises:
        RejectedRecord: it is missing, or does not fit.
    """
    try:
        value = find(document, path)
        if value is MISSING:
            if column.optional:
                return None
            raise Mismatch(Reason.MISSING_FIELD, f"missing; the input {column.name!r} needs it")
        return read_cell(value, column)
    except Mismatch as mismatch:
        place = "".join(f"[{index}]" for index in mismatch.place)
        raise refusal(mismatch.reason, f"{path.text}{place}: {mismatch.detail}") from None


def id_in(document: dict[str, Any], path: FieldPath) -> str | int | None:
    """Return the id in *document*; None when it has none.

    Raises:
        RejectedRecord: what is there is no id.
    """
    try:
        value = find(document, path)
    except Mismatch as mismatch:
        raise refusal(Reason.BAD_ID, f"{path.text}: {mismatch.detail}") from None
    if value is None or value is MISSING:
        return None
    try:
        return read_id(value)
    except ValueError as error:
        raise refusal(Reason.BAD_ID, f"{path.text}: {shown(value)}; {EXPECTATION}") from error

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
_MISSING = object()


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
        document = self._document(value)
        return (_id(document, self._id_path), *(_cell(document, column, path) for column, path in self._inputs))

    def _document(self, value: bytes | None) -> dict[str, Any]:
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


def _find(document: dict[str, Any], path: FieldPath) -> Any:
    """Return the value that *path* leads to, or `_MISSING`; null has no fields, so all of them are missing."""
    value: Any = document
    for depth, name in enumerate(path.names):
        if value is None:
            return _MISSING
        if not isinstance(value, dict):
            raise Mismatch(Reason.WRONG_TYPE, f"{path.names[depth - 1]!r} is {shown(value)}; expected an object")
        if name not in value:
            return _MISSING
        value = value[name]
    return value


def _cell(document: dict[str, Any], column: Column, path: FieldPath) -> Any:
    try:
        value = _find(document, path)
        if value is _MISSING:
            if column.optional:
                return None
            raise Mismatch(Reason.MISSING_FIELD, f"missing; the input {column.name!r} needs it")
        return read_cell(value, column)
    except Mismatch as mismatch:
        place = "".join(f"[{index}]" for index in mismatch.place)
        raise refusal(mismatch.reason, f"{path.text}{place}: {mismatch.detail}") from None


def _id(document: dict[str, Any], path: FieldPath) -> str | int | None:
    try:
        value = _find(document, path)
    except Mismatch as mismatch:
        raise refusal(Reason.BAD_ID, f"{path.text}: {mismatch.detail}") from None
    if value is None or value is _MISSING:
        return None
    try:
        return read_id(value)
    except ValueError as error:
        raise refusal(Reason.BAD_ID, f"{path.text}: {shown(value)}; {EXPECTATION}") from error

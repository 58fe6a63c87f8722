"""One input's value read exactly: from any JSON value to a cell, or to the reason why not."""

import binascii
from collections.abc import Callable
from typing import Any

from app.codecs.columns import Column, depth
from app.codecs.elements import Element
from app.codecs.number import Number
from app.codecs.verdict import shown
from app.errors import Reason

_WANTED = {
    "float": "a number",
    "int": "a whole number",
    "bool": "true or false",
    "string": 'text or {"b64": "..."}',
}


class Mismatch(Exception):
    """A value does not fit the signature.

    Attributes:
        reason: why.
        detail: the value, the limit and what was expected.
        place: where in the nested lists, outermost index first.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.place: tuple[int, ...] = ()


def read_cell(value: Any, column: Column) -> Any:
    """Return *value* as a cell of *column*: nested lists of `float`, `int`, `bool` or `bytes`.

    Args:
        value: as the exact parser gives it: numbers are `Number`.
        column: the input.

    Raises:
        Mismatch: it does not fit the dtype or the shape.
    """
    shape = (None,) * depth(value) if column.shape is None else column.shape
    cell = _nested(value, shape, column.element)
    try:
        column.extent(cell)
    except ValueError as error:
        raise Mismatch(Reason.WRONG_SHAPE, f"{error}; expected the shape {_text(shape)}") from error
    return cell


def _nested(value: Any, shape: tuple[int | None, ...], element: Element) -> Any:
    if not shape:
        return _leaf(value, element)
    if not isinstance(value, list):
        reason = Reason.WRONG_SHAPE if _is_of_kind(value, element) else Reason.WRONG_TYPE
        raise Mismatch(reason, f"{shown(value)}; expected a list of the shape {_text(shape)} of {element.name}")
    if shape[0] is not None and len(value) != shape[0]:
        raise Mismatch(Reason.WRONG_SHAPE, f"{shown(value)}; expected {shape[0]}, the shape {_text(shape)}")
    cell = []
    try:
        for item in value:
            cell.append(_nested(item, shape[1:], element))
    except Mismatch as mismatch:
        mismatch.place = (len(cell), *mismatch.place)
        raise
    return cell


def _leaf(value: Any, element: Element) -> Any:
    if isinstance(value, list):
        raise Mismatch(Reason.WRONG_SHAPE, f"{shown(value)}; expected {_WANTED[element.kind]}, no list")
    if not _is_of_kind(value, element):
        raise _wrong_type(value, element)
    return _LEAVES[element.kind](value, element)


def _is_of_kind(value: Any, element: Element) -> bool:
    if element.kind == "bool":
        return isinstance(value, bool)
    if element.kind == "string":
        return (isinstance(value, str) and not isinstance(value, Number)) or _is_base64(value)
    return isinstance(value, Number)


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and type(value["b64"]) is str


def _float(value: Number, element: Element) -> float:
    number = value.to_float()
    if not element.holds(number):
        raise _out_of_range(value, element)
    return number


def _int(value: Number, element: Element) -> int:
    try:
        number = value.to_int()
    except ValueError as error:
        raise _wrong_type(value, element) from error
    if not element.holds(number):
        raise _out_of_range(value, element)
    return number


def _bool(value: bool, element: Element) -> bool:
    return value


def _string(value: str | dict[str, str], element: Element) -> bytes:
    try:
        return value.encode() if isinstance(value, str) else _base64(value["b64"])
    except UnicodeEncodeError as error:
        raise Mismatch(Reason.WRONG_TYPE, f"{shown(value)} has a lone surrogate, which is no text") from error
    except ValueError as error:
        raise Mismatch(Reason.WRONG_TYPE, f'{{"b64": ...}}: no padded standard Base64 ({error})') from error


def _base64(text: str) -> bytes:
    # Python's strict mode overlooks padding after a whole group; msgspec, on the fast way, does not.
    if len(text) % 4 or text.endswith("==="):
        raise ValueError("wrong padding")
    return binascii.a2b_base64(text, strict_mode=True)


_LEAVES: dict[str, Callable[[Any, Element], Any]] = {"float": _float, "int": _int, "bool": _bool, "string": _string}


def _wrong_type(value: Any, element: Element) -> Mismatch:
    return Mismatch(Reason.WRONG_TYPE, f"{shown(value)}; expected {_WANTED[element.kind]} ({element.name})")


def _out_of_range(value: Number, element: Element) -> Mismatch:
    return Mismatch(
        Reason.OUT_OF_RANGE,
        f"{shown(value)} is beyond {element.name}, which goes from {element.low} to {element.high}",
    )


def _text(shape: tuple[int | None, ...]) -> str:
    return f"[{', '.join('any' if length is None else str(length) for length in shape)}]"

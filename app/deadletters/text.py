"""Bytes and text from records as a terminal may show them: nothing in them moves the cursor or changes colours."""

import json
from collections.abc import Iterator

_HEX_BYTES = 1024
_INDENT = "  "


def printable(text: str) -> str:
    """Return *text* on one line, with an escape for each character that is not to be printed."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def in_words(data: bytes | None) -> str:
    """Return *data* on one line: as text where it is UTF-8, else in hexadecimal."""
    if data is None:
        return "none"
    try:
        return printable(data.decode())
    except UnicodeDecodeError:
        return f"0x{data.hex()}"


def size(count: int) -> str:
    """Return a number of bytes with its noun."""
    return f"{count:,} byte" if count == 1 else f"{count:,} bytes"


def kind(data: bytes) -> str:
    """Return what *data* can be read as: `JSON`, `text` or `bytes`."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "bytes"
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return "text"
    return "JSON"


def _refuse(constant: str) -> None:
    # Python reads NaN and Infinity, which are no JSON.
    raise ValueError(constant)


def spread(data: bytes) -> Iterator[str]:
    """Yield *data* line by line: JSON indented, its numbers, keys and strings as they stand; text; or a hex dump."""
    match kind(data):
        case "JSON":
            yield from map(_printable_json, _indented(data.decode()).split("\n"))
        case "text":
            yield from map(printable, data.decode().split("\n"))
        case _:
            yield from _dump(data)


def _printable_json(text: str) -> str:
    return "".join(one if one.isprintable() else _json_escape(one) for one in text)


def _json_escape(one: str) -> str:
    units = one.encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _indented(text: str) -> str:
    """Return JSON *text* with other white space; parsing and writing it would lose keys and digits."""
    parts: list[str] = []
    depth, in_string, escaped = 0, False, False
    for place, one in enumerate(text):
        if in_string:
            parts.append(one)
            in_string, escaped = escaped or one != '"', one == "\\" and not escaped
        elif one in "{[":
            depth += not _is_empty(text, place)
            parts.append(one if _is_empty(text, place) else f"{one}\n{_INDENT * depth}")
        elif one in "}]":
            empty = parts[-1] in ("{", "[")
            depth -= not empty
            parts.append(one if empty else f"\n{_INDENT * depth}{one}")
        elif one == ",":
            parts.append(f",\n{_INDENT * depth}")
        elif not one.isspace():
            parts.append(": " if one == ":" else one)
            in_string = one == '"'
    return "".join(parts)


def _is_empty(text: str, place: int) -> bool:
    """Whether what opens at *place* is closed at once."""
    place += 1
    while text[place].isspace():
        place += 1
    return text[place] in "}]"


def _dump(data: bytes) -> Iterator[str]:
    for start in range(0, min(len(data), _HEX_BYTES), 16):
        row = data[start : start + 16]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{start:08x}  {row.hex(' '):<47}  {letters}"
    if len(data) > _HEX_BYTES:
        yield f"... {len(data) - _HEX_BYTES:,} more bytes; --raw writes them all"

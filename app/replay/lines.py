"""Lines of a file as records to be written."""

import json
from collections.abc import Iterator
from datetime import datetime
from math import isfinite
from typing import IO, Any

from app.codecs.fields import FieldPath
from app.errors import StreamRankError
from app.lines import LineRecord, blocks
from app.records import Outgoing
from app.replay.recorded import Recorded

MOST_BYTES = 16 << 20
"""A longer line is refused; no broker takes such records by default."""

_BLOCK = 500
# A number above this is taken for milliseconds; as seconds it would be in the year 5138.
_MOST_SECONDS = 1e11


class LineRefused(StreamRankError):
    """A line has not what was asked for; the message names it."""


def of_lines(stream: IO[bytes], key_field: str | None, time_field: str | None) -> Iterator[list[Recorded]]:
    """Yield the lines of *stream* as they come, but for blank ones, and wait while there are none.

    Args:
        stream: without a buffer.
        key_field: dotted path of the field that becomes the key; text is written as it is, numbers in decimal.
        time_field: dotted path of the field that says when it was: seconds, milliseconds, or text in RFC 3339.

    Raises:
        LineRefused: a line is no JSON object, or has no such field; those before it have been yielded.
    """
    key_path, time_path = (None if field is None else FieldPath.dotted(field) for field in (key_field, time_field))
    for block in blocks(stream, _BLOCK, MOST_BYTES):
        found: list[Recorded] = []
        try:
            for line in block.records:
                found.append(_recorded(line, key_path, time_path))
        except LineRefused:
            yield found
            raise
        yield found


def _recorded(line: LineRecord, key_path: FieldPath | None, time_path: FieldPath | None) -> Recorded:
    if len(line.value) > MOST_BYTES:
        raise LineRefused(f"line {line.offset}: longer than {MOST_BYTES} bytes")
    key = at = None
    if key_path is not None or time_path is not None:
        document = _document(line)
        key = None if key_path is None else _key(line, document, key_path)
        at = None if time_path is None else _time(line, document, time_path)
    return Recorded(at, None, Outgoing(key, line.value, []))


def _document(line: LineRecord) -> Any:
    try:
        return json.loads(line.value)
    except (ValueError, RecursionError) as error:
        raise LineRefused(f"line {line.offset}: no JSON: {error}") from error


def _found(line: LineRecord, document: Any, path: FieldPath) -> Any:
    for name in path.names:
        if not isinstance(document, dict) or name not in document:
            raise LineRefused(f"line {line.offset}: there is no field {path.text!r}")
        document = document[name]
    return document


def _key(line: LineRecord, document: Any, path: FieldPath) -> bytes:
    value = _found(line, document, path)
    if isinstance(value, str):
        return value.encode(errors="surrogatepass")
    if isinstance(value, int) and not isinstance(value, bool):
        return b"%d" % value
    raise LineRefused(f"line {line.offset}: {path.text!r} is {json.dumps(value)[:50]}; a key is text or a whole number")


def _milliseconds(number: float) -> float:
    if not isfinite(number):
        raise ValueError("no time")
    return number if number > _MOST_SECONDS else number * 1000


def _time(line: LineRecord, document: Any, path: FieldPath) -> float:
    value = _found(line, document, path)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _milliseconds(float(value))
        return datetime.fromisoformat(value).timestamp() * 1000
    except (TypeError, ValueError, OverflowError) as error:
        what = f"{path.text!r} is {json.dumps(value)[:50]}"
        raise LineRefused(f"line {line.offset}: {what}; expected a number, or a time in RFC 3339") from error

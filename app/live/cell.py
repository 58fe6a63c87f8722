"""What is shown of a value of a record: short, and never more than text or a number."""

import json
from hashlib import blake2b
from typing import Any

from app.live.message import Cell

_MOST = 60
_EXACT = 2**53
"""From here on a browser's numbers are not exact."""


def cell(value: Any) -> Cell:
    """Return numbers as they are, where a browser can hold them, and of anything else the first 60 characters."""
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _EXACT:
        return value
    return text(value)


def text(value: Any) -> str:
    """Return *value* as text: strings as they are, others as JSON; cut at 60 characters."""
    return _cut(_whole(value))


def key(value: Any) -> str:
    """Return what tells a name from others: *value* as `text`, behind it a digest of the whole where that was cut.

    Its first 60 characters are what is to be shown; a name that was not cut is never longer.
    """
    whole = _whole(value)
    return whole if len(whole) <= _MOST else _cut(whole) + _digest(whole)


def number(value: Any) -> float | int | None:
    """Return a score, None where it is no number that can be shown."""
    return value if isinstance(value, float) or (isinstance(value, int) and abs(value) < _EXACT) else None


def _whole(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _cut(whole: str) -> str:
    return whole if len(whole) <= _MOST else whole[: _MOST - 1] + "…"


def _digest(whole: str) -> str:
    return blake2b(whole.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

"""What is shown of a value of a record: short, and never more than text or a number."""

import json
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
    whole = value if isinstance(value, str) else _json(value)
    return whole if len(whole) <= _MOST else whole[: _MOST - 1] + "…"


def number(value: Any) -> float | int | None:
    """Return a score, None where it is no number that can be shown."""
    return value if isinstance(value, float) or (isinstance(value, int) and abs(value) < _EXACT) else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

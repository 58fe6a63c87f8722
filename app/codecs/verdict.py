"""How a refusal is put into words."""

import json
from typing import Any

from app.codecs.number import Number
from app.errors import Reason, RejectedRecord

_MESSAGE_CHARS = 500
_EXCERPT_CHARS = 50


def refusal(reason: Reason, message: str) -> RejectedRecord:
    """Return the rejection, its message cut to 500 characters."""
    return RejectedRecord(reason, _cut(message, _MESSAGE_CHARS))


def shown(value: Any) -> str:
    """Return what a message shows of a value of a record: at most 50 characters."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, Number):
        return _cut(value, _EXCERPT_CHARS)
    if isinstance(value, str):
        # Escaped, because a lone surrogate could not be written into the dead letter's header.
        return _cut(json.dumps(value[:_EXCERPT_CHARS]), _EXCERPT_CHARS)
    return json.dumps(value)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"

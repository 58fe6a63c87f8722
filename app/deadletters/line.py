"""A letter in one line, for people or for programs."""

import base64
import json
from typing import Any

from app import moment
from app.deadletters.letter import Letter
from app.deadletters.text import printable

NOT_OURS = "(not written by this service)"

_COLUMNS = "{:<10} {:>4}  {:<20}  {:<{source}}  {}"


def head(source_width: int) -> str:
    """Return the line above the letters."""
    return _COLUMNS.format("PLACE", "AGE", "REASON", "SOURCE", "MESSAGE", source=source_width)


def line(letter: Letter, now_ms: int, *, source_width: int, width: int | None) -> str:
    """Return *letter* as a line of a list.

    Args:
        letter: what to show.
        now_ms: ages end here.
        source_width: of the column with the source.
        width: the line is cut there; None: nowhere.
    """
    verdict = letter.verdict
    age = "?" if letter.timestamp is None else moment.age(letter.timestamp, now_ms)
    reason, source, message = (
        ("-", "-", NOT_OURS) if verdict is None else (verdict.reason, verdict.source, verdict.message)
    )
    cells = str(letter.place), age, printable(reason), printable(source), printable(message)
    whole = _COLUMNS.format(*cells, source=source_width).rstrip()
    return whole if width is None or len(whole) <= width else f"{whole[: width - 1]}…"


def as_json(letter: Letter, now_ms: int) -> str:
    """Return everything about *letter* but its value and headers as a JSON object on one line of ASCII."""
    return json.dumps(_fields(letter, now_ms))


def _fields(letter: Letter, now_ms: int) -> dict[str, Any]:
    verdict, refused_at = letter.verdict, letter.timestamp
    fields: dict[str, Any] = {
        "place": str(letter.place),
        "refused_at": None if refused_at is None else moment.written(refused_at),
        "age_seconds": None if refused_at is None else max(0, now_ms - refused_at) // 1000,
    }
    if verdict is not None:
        written_at = verdict.source_timestamp
        fields |= {"stage": verdict.stage, "reason": verdict.reason, "message": verdict.message}
        fields |= {"source_topic": verdict.source_topic, "source_partition": verdict.source_partition}
        fields |= {"source_offset": verdict.source_offset}
        fields |= {"source_time": None if written_at is None else moment.written(written_at)}
        fields |= {"model_name": verdict.model_name, "model_version": verdict.model_version}
    return fields | {
        "replay_count": letter.replay_count,
        "key": _text_or_base64(letter.key),
        "value_bytes": letter.omitted if letter.value is None else len(letter.value),
        "value_omitted": letter.omitted is not None,
    }


def _text_or_base64(data: bytes | None) -> str | dict[str, str] | None:
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(data).decode()}

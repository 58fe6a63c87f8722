"""Points in time as a person writes and reads them; inside they are milliseconds since the epoch."""

import re
from datetime import UTC, datetime

_AGO = re.compile(r"([0-9]{1,6})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def read(text: str, now_ms: int) -> int:
    """Return the point in time that *text* names: in RFC 3339, or how long before now, such as `90s`, `2h`, `3d`.

    Raises:
        ValueError: it names none.
    """
    if match := _AGO.fullmatch(text):
        return now_ms - int(match[1]) * _SECONDS[match[2]] * 1000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} is neither a time such as 2026-11-22T15:00:00Z nor an age such as 90s, 15m, 2h, 3d")
    return round(moment.timestamp() * 1000)


def written(timestamp_ms: int) -> str:
    """Return a point in time in RFC 3339, in UTC."""
    try:
        moment = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        # Producers may give any number.
        return f"{timestamp_ms} ms since the epoch"
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def age(timestamp_ms: int, now_ms: int) -> str:
    """Return how long ago a point in time was, in its largest unit: `42s`, `3h`, `12d`."""
    seconds = max(0, now_ms - timestamp_ms) // 1000
    for unit in ("d", "h", "m"):
        if seconds >= _SECONDS[unit]:
            return f"{seconds // _SECONDS[unit]}{unit}"
    return f"{seconds}s"

"""How log records are written: one line each, for people or for machines, to standard error.

Structured fields travel in `extra`: `logger.info("model loaded", extra={"version": "3"})`.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

REPEATS_SECONDS = 10.0

NOISY = ("faust", "mode", "aiokafka", "kafka", "asyncio", "aiohttp.access", "opentelemetry")
"""Loggers of libraries that tell more than the steps of our own life; below WARNING they speak only at DEBUG."""

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_COLOURS = {"DEBUG": "\x1b[2m", "WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[1;31m"}
_PLAIN = re.compile(r"[^\s\"'=\\\x00-\x1f\x7f-\x9f]+")


def configure_logging(level: str = "INFO", format: Literal["console", "json"] = "console") -> None:  # noqa: A002 the variable's own word
    """Send everything from *level* on to standard error, Python's warnings too; replaces what was configured before."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Logins())
    handler.addFilter(Repeats(NOISY, REPEATS_SECONDS))
    handler.setFormatter(JsonFormatter() if format == "json" else ConsoleFormatter(colour=_wants_colour(sys.stderr)))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    quiet = logging.NOTSET if level == "DEBUG" else max(logging.WARNING, logging.getLogger().level)
    for name in NOISY:
        logging.getLogger(name).setLevel(quiet)
    # Warns whenever a commit takes longer than the commit interval, which is nothing to act on.
    logging.getLogger("mode.timers").setLevel(logging.ERROR)


class Logins(logging.Filter):
    """Keeps out what goes to and fro when a client logs in: at DEBUG aiokafka writes every request as it is."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether *record* is to be written."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        return not any(type(each).__name__.startswith("SaslAuthenticate") for each in arguments)


class Repeats(logging.Filter):
    """Lets a library say the same thing only so often: in an outage aiokafka writes a hundred lines a second.

    Args:
        loggers: whose lines; those of other loggers always pass.
        seconds: how long a line with the same template, of the same logger, is not written again.
    """

    def __init__(self, loggers: tuple[str, ...], seconds: float) -> None:
        super().__init__()
        self._loggers = loggers
        self._seconds = seconds
        self._written: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether *record* is to be written."""
        if record.levelno < logging.WARNING or not record.name.startswith(self._loggers):
            return True
        what = (record.name, str(record.msg))
        if record.created - self._written.get(what, 0.0) < self._seconds:
            return False
        if len(self._written) > 1000:
            self._written.clear()  # messages that were put together before they were logged
        self._written[what] = record.created
        return True


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the structured fields of *record*: what its caller passed as `extra`."""
    return {name: value for name, value in record.__dict__.items() if name not in _STANDARD}


class ConsoleFormatter(logging.Formatter):
    """`12:30:01.250 INFO     worker: started  topic=images partition=3`, in local time."""

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self._colours = _COLOURS if colour else {}

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 logging's name
        """Return the first line; logging itself appends the exception."""
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S.%f")[:-3]
        level = f"{record.levelname:<8}"
        if colour := self._colours.get(record.levelname):
            level = f"{colour}{level}\x1b[0m"
        pairs = "".join(f" {name}={_readable(value)}" for name, value in fields(record).items())
        line = f"{time} {level} {record.name.removeprefix('app.')}: {record.message.rstrip()}"
        return f"{line} {pairs}" if pairs else line


class JsonFormatter(logging.Formatter):
    """One JSON object: `time` (RFC 3339, UTC), `level`, `logger`, `message`, `exception` if any, and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return *record* as one line of ASCII."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        line = {"time": f"{time}Z", "level": record.levelname, "logger": record.name, "message": record.getMessage()}
        trace = self._trace(record)
        if trace:
            line["exception"] = trace
        # A field never hides what the line itself says.
        return _json(line | {f"{name}_" if name in line else name: value for name, value in fields(record).items()})

    def _trace(self, record: logging.LogRecord) -> str:
        exception = self.formatException(record.exc_info) if record.exc_info else record.exc_text
        return "\n".join(part for part in (exception, record.stack_info) if part)


def _wants_colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR")


def _readable(value: Any) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _json(line: Mapping[str, Any]) -> str:
    try:
        return json.dumps(line, default=str, allow_nan=False)
    except (TypeError, ValueError):
        # NaN, odd keys or a cycle in a field: a line with the field as text is better than none.
        return json.dumps({name: value if isinstance(value, int) else str(value) for name, value in line.items()})

import json
import logging
import os
import pty
import re
import subprocess
import sys
from typing import Any

import pytest
from aiokafka.protocol.admin import (
    SaslAuthenticateRequest_v0,
    SaslAuthenticateRequest_v1,
    SaslAuthenticateResponse_v0,
    SaslAuthenticateResponse_v1,
)

from config.logging import ConsoleFormatter, JsonFormatter, configure_logging

PROLOGUE = "import logging, sys, warnings; from config.logging import configure_logging as configure\n"


def run(script: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROLOGUE + script],
        env={"PATH": os.defpath, "TZ": "Asia/Kolkata"} | environ,
        capture_output=True,
        text=True,
        check=True,
    )


def on_a_terminal(script: str, **environ: str) -> str:
    """Return what *script* writes when standard error is a terminal."""
    ours, theirs = pty.openpty()
    try:
        command = [sys.executable, "-c", PROLOGUE + script]
        subprocess.run(command, env={"PATH": os.defpath} | environ, stderr=theirs, check=True)
        return os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def record(message: str = "loaded", level: int = logging.INFO, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("app.kafka.transport", level, "file.py", 1, message, None, None)
    made.created = 1_700_000_000.0625
    made.__dict__.update(extra)
    return made


def json_line(made: logging.LogRecord) -> Any:
    text = JsonFormatter().format(made)
    assert "\n" not in text
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_a_console_line_has_time_level_short_logger_message_and_fields() -> None:
    done = run("configure(); logging.getLogger('app.worker').info('started %s', 'well', extra={'topic': 'a', 'n': 3})")

    assert done.stdout == ""
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} INFO     worker: started well  topic=a n=3\n", done.stderr)


def test_a_console_line_without_fields_ends_with_the_message() -> None:
    assert ConsoleFormatter(colour=False).format(record()).endswith(" INFO     kafka.transport: loaded")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a b", '"a b"'),
        ("", '""'),
        ('a"b', r'"a\"b"'),
        ("a\nb\x1b", r'"a\nb\u001b"'),
        ("x=y", '"x=y"'),
        ("größe/1", "größe/1"),
    ],
)
def test_a_field_that_would_not_read_back_is_quoted(value: str, written: str) -> None:
    assert ConsoleFormatter(colour=False).format(record(field=value)).endswith(f"  field={written}")


def test_an_exception_follows_the_line_on_the_console() -> None:
    done = run("configure()\ntry: 1 / 0\nexcept ZeroDivisionError: logging.exception('broken', extra={'n': 1})")

    lines = done.stderr.splitlines()
    assert lines[0].endswith("ERROR    root: broken  n=1")
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_colour_is_for_terminals_only_and_not_with_no_color() -> None:
    script = "configure(); logging.warning('hot'); logging.info('cold')"

    assert "\x1b[33mWARNING \x1b[0m root: hot" in on_a_terminal(script)
    assert "\x1b" not in on_a_terminal(script, NO_COLOR="1")
    assert "\x1b[33m" in on_a_terminal(script, NO_COLOR="")
    assert "\x1b" not in run(script).stderr


def test_a_json_line_is_one_object_with_the_time_in_utc() -> None:
    assert json_line(record(topic="images", partition=3)) == {
        "time": "2023-11-14T22:13:20.062Z",
        "level": "INFO",
        "logger": "app.kafka.transport",
        "message": "loaded",
        "topic": "images",
        "partition": 3,
    }


def test_json_lines_come_one_by_one_on_standard_error() -> None:
    done = run("configure('INFO', 'json'); logging.info('one\\ntwo'); logging.info('größe', extra={'n': 1.5})")

    one, two = (json.loads(line) for line in done.stderr.splitlines())
    assert one["message"] == "one\ntwo"
    assert (two["message"], two["n"]) == ("größe", 1.5)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["time"])


def test_a_json_line_carries_the_exception() -> None:
    done = run("configure('INFO', 'json')\ntry: 1 / 0\nexcept ZeroDivisionError: logging.exception('broken')")

    line = json.loads(done.stderr)
    assert line["exception"].startswith("Traceback (most recent call last):\n")
    assert line["exception"].endswith("ZeroDivisionError: division by zero")


def test_a_field_never_hides_what_the_line_itself_says() -> None:
    line = json_line(record(level_="kept", time="noon", logger="x"))

    assert (line["time"], line["time_"]) == ("2023-11-14T22:13:20.062Z", "noon")
    assert (line["logger"], line["logger_"]) == ("app.kafka.transport", "x")
    assert line["level_"] == "kept"


def test_what_json_cannot_say_is_written_as_text() -> None:
    loop: list[Any] = []
    loop.append(loop)

    assert json_line(record(lag=float("nan"), n=1)) == json_line(record(n=1)) | {"lag": "nan"}
    assert json_line(record(keys={(1, 2): 3}))["keys"] == "{(1, 2): 3}"
    assert json_line(record(loop=loop))["loop"] == "[[...]]"
    assert json_line(record(path=object))["path"] == "<class 'object'>"
    assert json_line(record(text="\udc80"))["text"] == "\udc80"


LIBRARIES = ("faust", "faust.app.base", "mode.services", "aiokafka.consumer", "kafka", "asyncio", "aiohttp.access")


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("DEBUG", ["ours debug", "ours info", "info", "warning", "error"]),
        ("INFO", ["ours info", "warning", "error"]),
        ("WARNING", ["warning", "error"]),
        ("ERROR", ["error"]),
    ],
)
@pytest.mark.parametrize("library", LIBRARIES)
def test_libraries_are_heard_from_warning_on_and_all_of_them_at_debug(
    level: str, heard: list[str], library: str, plain_logging: None, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("DEBUG")
    configure_logging(level)
    logging.getLogger("app.worker").debug("ours debug")
    logging.getLogger("app.worker").info("ours info")
    for word in ("info", "warning", "error"):
        getattr(logging.getLogger(library), word)(word)

    assert [line.partition(": ")[2] for line in capsys.readouterr().err.splitlines()] == heard


@pytest.mark.parametrize(
    "exchanged",
    [
        SaslAuthenticateRequest_v0(b"\0alice\0hush"),
        SaslAuthenticateRequest_v1(b"\0alice\0hush"),
        SaslAuthenticateResponse_v0(0, "hush", b"hush"),
        SaslAuthenticateResponse_v1(0, "hush", b"hush", 0),
    ],
)
def test_what_is_exchanged_to_log_in_is_never_written(
    exchanged: Any, plain_logging: None, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("DEBUG")

    logging.getLogger("aiokafka.conn").debug("Request to %s:%d %d: %s", "kafka", 9092, 1, exchanged)
    logging.getLogger("aiokafka.conn").debug("Request to %s:%d %d: %s", "kafka", 9092, 1, "another one")

    assert "hush" in repr(exchanged)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("Request to kafka:9092 1: another one")


def test_python_warnings_are_logged() -> None:
    done = run("configure('INFO', 'json'); warnings.warn('old ways')")

    line = json.loads(done.stderr)
    assert (line["level"], line["logger"]) == ("WARNING", "py.warnings")
    assert "UserWarning: old ways" in line["message"]


def test_configuring_again_replaces_and_does_not_repeat() -> None:
    done = run("logging.basicConfig(); configure(); configure('INFO', 'json'); logging.info('once')")

    assert json.loads(done.stderr)["message"] == "once"


@pytest.mark.parametrize(("level", "devlog"), [("INFO", ""), ("INFO", "1"), ("DEBUG", "1")])
def test_the_dev_level_of_mode_still_works(level: str, devlog: str) -> None:
    done = run(
        f"configure({level!r}, 'json')\n"
        "import mode\n"
        "class Ours(mode.Service): logger = logging.getLogger('app.ours')\n"
        "Ours().log.dev('hello %s', 'dev')",
        DEVLOG=devlog,
    )

    assert [json.loads(line)["message"][-9:] for line in done.stderr.splitlines()] == ["hello dev"] * bool(devlog)

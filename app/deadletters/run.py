"""`streamrank dead-letters`: from the arguments to the exit status."""

import asyncio
import os
import sys
from io import TextIOWrapper
from typing import cast

from app.deadletters.listing import show_list
from app.deadletters.options import ListOptions, ReplayOptions, ShowOptions, parse
from app.deadletters.replaying import replay
from app.deadletters.showing import show_one
from app.errors import StartFailed
from app.kafka.security import Security
from app.kafka.visit import VisitFailed
from config.errors import SettingsError
from config.logging import configure_logging
from config.settings import ServiceSettings
from config.tools import load_for_tool

WRONG_SETTINGS = 2
INTERRUPTED = 130
BROKEN_PIPE = 141


def main(arguments: list[str]) -> int:
    """Run the command that the *arguments* ask for and return the exit status."""
    options = parse(arguments)
    try:
        settings = load_for_tool({**os.environ, **options.overrides}, without=("MODEL_PATH", "OUTPUT_TOPIC"))
        security = Security(settings.security)
    except SettingsError as error:
        return _refuse(*error.mistakes, status=WRONG_SETTINGS)
    except StartFailed as error:
        return _refuse(str(error), status=WRONG_SETTINGS)
    _log_little(settings.service)
    # What comes from records may be more than the terminal's encoding knows.
    cast(TextIOWrapper, sys.stdout).reconfigure(errors="backslashreplace")
    try:
        match options:
            case ListOptions():
                status = asyncio.run(show_list(options, settings.kafka, security))
            case ShowOptions():
                status = asyncio.run(show_one(options, settings.kafka, security))
            case ReplayOptions():
                status = replay(options, settings.kafka, security)
        sys.stdout.flush()
    except VisitFailed as error:
        return _refuse(str(error), status=error.status)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return status


def _log_little(service: ServiceSettings) -> None:
    """What goes wrong we say ourselves, except to whoever looks for more."""
    configure_logging("DEBUG" if service.log_level == "DEBUG" else "CRITICAL", service.log_format)


def _refuse(*messages: str, status: int) -> int:
    sys.stderr.writelines(f"streamrank: {message}\n" for message in messages)
    return status

"""`streamrank dead-letters`: from the arguments to the exit status."""

import asyncio
import logging
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
from app.stderr import ended
from config.settings import KafkaSettings, SettingsError, load_topic_settings

WRONG_SETTINGS = 2
INTERRUPTED = 130
BROKEN_PIPE = 141


def main(arguments: list[str]) -> int:
    """Run the command that the *arguments* ask for and return the exit status."""
    options = parse(arguments)
    try:
        settings = load_topic_settings({**os.environ, **options.overrides}, without=("OUTPUT_TOPIC",))
        security = Security(settings.security)
    except SettingsError as error:
        return ended(WRONG_SETTINGS, *error.mistakes)
    except StartFailed as error:
        return ended(WRONG_SETTINGS, str(error))
    # What comes from records may be more than the terminal's encoding knows.
    cast(TextIOWrapper, sys.stdout).reconfigure(errors="backslashreplace")
    logging.disable()  # what goes wrong is said by the error that ends the trying
    try:
        status = _run(options, settings.kafka, security)
        sys.stdout.flush()
    except VisitFailed as error:
        return ended(error.status, str(error))
    except KeyboardInterrupt:
        return ended(INTERRUPTED, "interrupted")
    except BrokenPipeError:
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    finally:
        logging.disable(logging.NOTSET)
    return status


def _run(options: ListOptions | ShowOptions | ReplayOptions, kafka: KafkaSettings, security: Security) -> int:
    match options:
        case ListOptions():
            return asyncio.run(show_list(options, kafka, security))
        case ShowOptions():
            return asyncio.run(show_one(options, kafka, security))
        case ReplayOptions():
            return replay(options, kafka, security)

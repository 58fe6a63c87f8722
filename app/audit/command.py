"""`streamrank audit`: from the command line to the exit status."""

import asyncio
import logging
import os
import sys

from app.audit.auditing import audit
from app.audit.options import Options, parse
from app.audit.progress import Progress
from app.audit.report import Report
from app.audit.summary import SHOWN, as_json, as_text
from app.errors import StartFailed
from app.kafka.security import Security
from app.kafka.visit import VisitFailed
from app.stderr import ended
from config.settings import SettingsError, TopicSettings, load_topic_settings

VIOLATED, WRONG_SETTINGS, INTERRUPTED = 1, 2, 130


def main(arguments: list[str]) -> int:
    """Run the audit that the arguments of the command line ask for, print what it found, return the exit status."""
    options = parse(arguments)
    try:
        settings = load_topic_settings({**os.environ, **options.variables})
    except SettingsError as error:
        return ended(WRONG_SETTINGS, *error.mistakes)
    logging.disable()  # what aiokafka says while it tries is said again by the error that ends the trying
    try:
        report = asyncio.run(_audit(settings, options))
    except StartFailed as error:
        return ended(WRONG_SETTINGS, str(error))
    except VisitFailed as error:
        return ended(error.status, str(error))
    except KeyboardInterrupt:
        return ended(INTERRUPTED, "interrupted")
    finally:
        logging.disable(logging.NOTSET)
    try:
        _print(report, options)
    except BrokenPipeError:
        # Whoever read has seen enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0 if report.ok else VIOLATED


async def _audit(settings: TopicSettings, options: Options) -> Report:
    kafka, security = settings.kafka, Security(settings.security)
    progress = Progress()
    try:
        return await audit(
            list(kafka.bootstrap_servers),
            kafka.input_topic,
            [kafka.output_topic, kafka.dead_letter_topic],
            guarantee=options.guarantee or kafka.processing_guarantee,
            committed_by=kafka.consumer_group if options.committed else None,
            since_ms=options.since_ms,
            isolation=options.isolation,
            security=security,
            on_progress=progress,
        )
    finally:
        progress.end()


def _print(report: Report, options: Options) -> None:
    limit = None if options.everything else SHOWN
    lines = [as_json(report, limit)] if options.json else as_text(report, limit)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()

"""`streamrank replay`: from the command line to the exit status."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, nullcontext
from typing import IO

from app.deadletters.stop import Stop
from app.errors import PublishFailed, StartFailed
from app.from_thread import from_thread
from app.kafka.client import Client
from app.kafka.reader import Span, TopicReader
from app.kafka.security import Security
from app.kafka.visit import UNREACHABLE, VisitFailed, visit
from app.lines import opened
from app.replay.feeding import AsItWas, Fed, Feeder, Steady
from app.replay.lines import LineRefused, of_lines
from app.replay.options import Options, parse
from app.replay.publishing import publisher
from app.replay.recorded import Recorded, of_topic
from app.status_line import StatusLine
from app.stderr import ended, say
from config.settings import KafkaSettings, SettingsError, load_topic_settings

NOT_ALL, WRONG = 1, 2


def main(arguments: Sequence[str]) -> int:
    """Replay as *arguments* ask for and return the exit status."""
    options = parse(arguments)
    without = ["OUTPUT_TOPIC"] + (["INPUT_TOPIC"] if options.to is not None else [])
    try:
        settings = load_topic_settings({**os.environ, **options.variables}, without=without)
        security = Security(settings.security)
    except SettingsError as error:
        return ended(WRONG, *error.mistakes)
    except StartFailed as error:
        return ended(WRONG, str(error))
    logging.disable()  # what goes wrong is said by the error that ends the trying, after a minute at the latest
    try:
        with nullcontext() if options.file is None else opened(options.file) as source:
            return asyncio.run(_replay(options, source, settings.kafka, security))
    except (VisitFailed, PublishFailed, LineRefused, OSError) as error:
        return _ended_by(error, options)
    finally:
        logging.disable(logging.NOTSET)


def _ended_by(error: Exception, options: Options) -> int:
    match error:
        case VisitFailed():
            return ended(error.status, str(error))
        case PublishFailed():
            return ended(UNREACHABLE, str(error))
        case OSError():
            return ended(WRONG, f"{error.filename or options.file}: {error.strerror or error}")
    return ended(NOT_ALL, str(error))


async def _replay(options: Options, source: IO[bytes] | None, kafka: KafkaSettings, security: Security) -> int:
    to, began, stop = options.to or kafka.input_topic, time.monotonic(), Stop()
    if options.from_topic == to:
        return ended(WRONG, f"--to {to}: this is where the records come from, and would never end")
    topics = [to, *([] if options.from_topic is None else [options.from_topic])]
    pace = Steady(options.rate) if options.speed is None else AsItWas(options.speed)
    with stop.listening():
        async with visit(kafka.bootstrap_servers, security, topics) as client:
            total: int | None = None
            if options.from_topic is None:
                assert source is not None  # noqa: S101 - there is one of both
                found = _lines(source, options)
            else:
                found, total = await _of_topic(options.from_topic, options, client)
            line, of = StatusLine(), "" if total is None else f" of {total:,}"
            publish = publisher(client, to, options.from_topic)
            feeder = Feeder(publish, stop, moved=lambda fed: line.show(lambda: _how_far(fed, of)))
            fed = feeder.fed
            try:
                async with aclosing(found):
                    await feeder.run(found, pace)
            finally:
                line.end()
                words = f"{fed.written:,} records written to {to} in {time.monotonic() - began:.1f} s"
                say(words + (f"; the broker refuses {fed.refused:,}" if fed.refused else ""))
    if stop.signal is not None:
        return ended(128 + stop.signal, f"stopped by {stop.signal.name}")
    return NOT_ALL if fed.refused else 0


async def _of_topic(topic: str, options: Options, client: Client) -> tuple[AsyncGenerator[Recorded, None], int]:
    """What is to be written, and about how many records that is."""
    reader = TopicReader(client, topic)
    spans = await reader.spans()
    if options.since_ms is not None:
        first = await reader.offsets_at(options.since_ms)
        spans = {number: Span(first.get(number, span.end), span.end) for number, span in spans.items()}
    if options.until_ms is not None:
        last = await reader.offsets_at(options.until_ms)
        spans = {number: Span(span.start, min(span.end, last.get(number, span.end))) for number, span in spans.items()}
    return of_topic(reader, spans), sum(span.size for span in spans.values())


async def _lines(source: IO[bytes], options: Options) -> AsyncGenerator[Recorded, None]:
    async for some in from_thread(of_lines(source, options.key_field, options.time_field)):
        for recorded in some:
            yield recorded


def _how_far(fed: Fed, of: str) -> str:
    late = f", {fed.late_seconds:.1f} s behind" if fed.late_seconds > 1 else ""
    return f"{fed.written:,}{of} records{late}"

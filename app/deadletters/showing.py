"""`streamrank dead-letters show`."""

import sys
import time
from collections.abc import Iterator
from contextlib import aclosing

from app import moment
from app.deadletters.letter import Letter, read
from app.deadletters.line import NOT_OURS
from app.deadletters.options import ShowOptions
from app.deadletters.place import Place
from app.deadletters.text import in_words, kind, printable, size, spread
from app.kafka.reader import Span, TopicReader
from app.kafka.security import Security
from app.kafka.visit import visit
from app.stderr import ended
from config.settings import KafkaSettings

_OFTEN = {0: "never", 1: "once"}


async def show_one(options: ShowOptions, kafka: KafkaSettings, security: Security) -> int:
    """Print one letter, or the value of it; returns the exit status."""
    async with visit(kafka.bootstrap_servers, security, [kafka.dead_letter_topic]) as client:
        found = await _find(TopicReader(client, kafka.dead_letter_topic), options.place)
    if isinstance(found, str):
        return ended(1, found)
    if options.raw:
        return _write_value(found)
    now_ms = time.time_ns() // 1_000_000
    sys.stdout.writelines(f"{line}\n" for line in _lines(found, kafka.dead_letter_topic, now_ms))
    return 0


async def _find(reader: TopicReader, place: Place) -> Letter | str:
    """Return the letter at *place*, or why there is none."""
    spans = await reader.spans()
    if (span := spans.get(place.partition)) is None:
        return f"{reader.topic} has no partition {place.partition}, only 0 to {len(spans) - 1}"
    if not span.start <= place.offset < span.end:
        holds = f"offsets {span.start} to {span.end - 1}" if span.size else "nothing"
        return f"there is no letter at {place}: partition {place.partition} of {reader.topic} holds {holds}"
    async with aclosing(reader.chunks(place.partition, Span(place.offset, place.offset + 1))) as chunks:
        async for records in chunks:
            return read(place.partition, records[0])
    return f"there is no letter at {place}: this offset belongs to a transaction, or its record was deleted"


def _write_value(letter: Letter) -> int:
    if letter.value is None:
        return ended(1, f"the letter at {letter.place} has no value: {_no_value(letter)}")
    sys.stdout.buffer.write(letter.value)
    sys.stdout.flush()
    return 0


def _lines(letter: Letter, topic: str, now_ms: int) -> Iterator[str]:
    yield _field("place", f"{letter.place} of {topic}")
    yield _field("refused", _when(letter.timestamp, now_ms))
    yield from _verdict(letter, now_ms)
    yield _field("replayed", _OFTEN.get(letter.replay_count, f"{letter.replay_count} times"))
    yield _field("key", _sized(letter.key))
    yield _field("headers", str(len(letter.headers) or "none"))
    for name, value in letter.headers:
        yield f"  {printable(name)}: {in_words(value)}"
    if letter.value is None:
        yield _field("value", _no_value(letter))
        return
    if not letter.value:
        yield _field("value", "0 bytes")
        return
    yield _field("value", f"{size(len(letter.value))}, {kind(letter.value)}")
    yield from spread(letter.value)


def _verdict(letter: Letter, now_ms: int) -> Iterator[str]:
    if (verdict := letter.verdict) is None:
        yield _field("reason", NOT_OURS)
        return
    yield _field("stage", printable(verdict.stage))
    yield _field("reason", printable(verdict.reason))
    yield _field("message", printable(verdict.message))
    yield _field("source", printable(verdict.source))
    yield _field("written", _when(verdict.source_timestamp, now_ms))
    yield _field("model", printable(f"{verdict.model_name} {verdict.model_version}"))


def _field(name: str, text: str) -> str:
    return f"{name:<9} {text}"


def _when(timestamp: int | None, now_ms: int) -> str:
    if timestamp is None:
        return "at an unknown time"
    return f"{moment.written(timestamp)}, {moment.age(timestamp, now_ms)} ago"


def _sized(data: bytes | None) -> str:
    return "none" if data is None else f"{in_words(data)} ({size(len(data))})"


def _no_value(letter: Letter) -> str:
    if letter.omitted is None:
        return "none, the record was a tombstone"
    return f"left out as too large: {size(letter.omitted)}"

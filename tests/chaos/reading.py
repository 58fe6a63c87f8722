"""What is in the topics at the end, as an independent reader of committed records sees it."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.broker.records import Reader, Record
from tests.broker.topics import Topics
from tests.chaos.verdict import Copy, Source
from tests.chaos.writer import Sort

_READ_S = 300.0


@dataclass(slots=True)
class Found:
    """Everything in the topics.

    Attributes:
        inputs: the sort of each input record.
        copies: all outputs and dead letters.
        misplaced: good records among the dead letters, and malformed ones that were ranked.
        mixed_up: answers with another record's key, id or value.
    """

    inputs: dict[Source, Sort] = field(default_factory=dict)
    copies: list[Copy] = field(default_factory=list)
    misplaced: list[Copy] = field(default_factory=list)
    mixed_up: list[Copy] = field(default_factory=list)


def read(topics: Topics) -> Found:
    """Read the input, the output and the dead letters to their ends."""
    found = Found()
    asked: dict[Source, tuple[bytes | None, bytes | None]] = {}
    for record in _records(topics, topics.input):
        source = Source(_number(record.partition), _number(record.offset))
        found.inputs[source] = _sort(record)
        asked[source] = record.key, record.value
    for topic, wrong in ((topics.output, Sort.MALFORMED), (topics.dead_letters, Sort.GOOD)):
        for record in _records(topics, topic):
            copy = _copy(topic, record)
            found.copies.append(copy)
            if _sort(record) is wrong:
                found.misplaced.append(copy)
            elif copy.source in asked and not _answers(record, *asked[copy.source], ranked=topic == topics.output):
                found.mixed_up.append(copy)
    return found


def _answers(record: Record, key: bytes | None, value: bytes | None, *, ranked: bool) -> bool:
    """Whether what a ranking or a dead letter holds belongs to the record with this key and value."""
    if not ranked:
        return (record.key, record.value) == (key, value)
    return record.key == key and _id(record.value) == _id(value) is not None


def _id(value: bytes | None) -> str | None:
    """The id in a record or a ranking; None where there is none, in malformed records."""
    try:
        document = json.loads(value or b"")
    except ValueError:
        return None
    return document.get("id") if isinstance(document, dict) else None


def _records(topics: Topics, topic: str) -> Iterator[Record]:
    deadline = time.monotonic() + _READ_S
    with Reader(topics.client.bootstrap_servers, topic, isolation="read_committed") as reader:
        while not reader.reached_end:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic}: no end within {_READ_S:g} s")
            reader.look(0.2)
            yield from reader.records
            reader.records.clear()


def _copy(topic: str, record: Record) -> Copy:
    headers = {name: value or b"" for name, value in record.headers}
    return Copy(
        source=Source(int(headers["source-partition"]), int(headers["source-offset"])),
        topic=topic,
        partition=_number(record.partition),
        offset=_number(record.offset),
        at=_number(record.timestamp) / 1000,
        writer=headers["model-name"].decode(),
    )


def _sort(record: Record) -> Sort:
    return Sort((dict(record.headers)["sort"] or b"").decode())


def _number(value: int | None) -> int:
    assert value is not None
    return value

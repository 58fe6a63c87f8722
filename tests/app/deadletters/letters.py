"""Dead letters for the tests: made by the service's own factory, and written to a topic by an independent client."""

import time
from collections.abc import Sequence
from dataclasses import replace

from aiokafka import TopicPartition

from app.deadletters.letter import Letter, read
from app.errors import Reason, RejectedRecord
from app.records import Outgoing, RecordFactory
from tests.app.chunks import Received, record
from tests.broker.records import Headers, Record

FACTORY = RecordFactory("mlp", "3")
NOW = 1_790_000_000_000


def outgoing(
    number: int = 7,
    value: bytes | None = b"{}",
    *,
    reason: Reason = Reason.WRONG_SHAPE,
    source: TopicPartition = TopicPartition("in", 2),  # noqa: B008 - a tuple
    key: bytes | None = b"k",
    headers: Headers = (),
    omitted: bool = False,
) -> Outgoing:
    """What the service makes of record *number* of *source* when it refuses it."""
    received = record(number, value, key=key, headers=list(headers))
    letter = FACTORY.dead_letter(source, received, RejectedRecord(reason, f"record {number} is wrong"))
    return FACTORY.without_value(letter) if omitted else letter


def received(out: Outgoing, offset: int = 0, timestamp: int = NOW) -> Received:
    """The same as it is read from the dead-letter topic."""
    return replace(record(offset), key=out.key, value=out.value, headers=out.headers, timestamp=timestamp)


def letter(out: Outgoing | None = None, partition: int = 0, offset: int = 0, timestamp: int = NOW) -> Letter:
    """The letter at a place of the dead-letter topic."""
    return read(partition, received(out or outgoing(), offset, timestamp))


def written(out: Outgoing, partition: int = 0, timestamp: int | None = None) -> Record:
    """The same for an independent client to write."""
    return Record(out.value, key=out.key, headers=tuple(out.headers), partition=partition, timestamp=timestamp)


def letters_from(topic: str, count: int, *, reasons: Sequence[Reason] = (Reason.WRONG_SHAPE,)) -> list[Record]:
    """Letters of records that came from four partitions of *topic*, in turn, with these *reasons* in turn."""
    now = int(time.time() * 1000) - count
    return [
        written(
            outgoing(
                number,
                b'{"id": "r%d"}' % number,
                reason=reasons[number % len(reasons)],
                source=TopicPartition(topic, number % 4),
                key=b"key-%d" % number,
                headers=(("trace", b"t%d" % number), ("error-reason", b"its own")),
            ),
            number % 4,
            now + number,
        )
        for number in range(count)
    ]

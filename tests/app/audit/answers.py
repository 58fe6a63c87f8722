"""Records for an input topic, and answers to them written by hand."""

from collections.abc import Iterable

from tests.broker.records import Record
from tests.broker.topics import Topics

PARTITIONS = 4


def fill(topics: Topics, count: int) -> None:
    """Write *count* records to each partition of the input."""
    topics.client.write(topics.input, [Record(b"{}", partition=n % PARTITIONS) for n in range(count * PARTITIONS)])


def answer(
    topics: Topics, partition: int, offset: int, *, topic: str | None = None, place: int | None = None
) -> Record:
    """What the service would write of a record, to the record's own partition or to *place*."""
    headers = (
        ("source-topic", (topic or topics.input).encode()),
        ("source-partition", b"%d" % partition),
        ("source-offset", b"%d" % offset),
    )
    return Record(b"{}", headers=headers, partition=partition if place is None else place)


def answer_all(topics: Topics, topic: str, partition: int, offsets: Iterable[int]) -> None:
    """Write answers to *offsets* of one input partition, in this order, to *topic*."""
    topics.client.write(topic, [answer(topics, partition, offset) for offset in offsets])

"""Recorded records, in the order in which they are to be written."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from app.kafka.merging import merged
from app.kafka.reader import Span, TopicReader
from app.records import Incoming, Outgoing


@dataclass(frozen=True, slots=True)
class Recorded:
    """One record.

    Attributes:
        at_ms: when it was, in milliseconds since some time; None: nobody knows.
        partition: where it was; None: nowhere.
        record: what is to be written.
    """

    at_ms: float | None
    partition: int | None
    record: Outgoing


async def of_topic(reader: TopicReader, spans: Mapping[int, Span]) -> AsyncGenerator[Recorded, None]:
    """Yield the records of *spans*, each partition in its order, and all in that of their times.

    Raises:
        KafkaError: the brokers do not give them.
    """
    # A clock that was set back holds up nobody: what is of an earlier time than others goes before them.
    streams = {partition: _of_partition(reader, partition, span) for partition, span in spans.items() if span.size}
    async with aclosing(merged(streams, lambda found: found.at_ms or 0)) as all_of_them:
        async for found in all_of_them:
            yield found


async def _of_partition(reader: TopicReader, partition: int, span: Span) -> AsyncGenerator[Recorded, None]:
    async with aclosing(reader.chunks(partition, span)) as chunks:
        async for chunk in chunks:
            for record in chunk:
                at = record.timestamp if record.timestamp >= 0 else None
                yield Recorded(at, partition, _again(record))


def _again(record: Incoming) -> Outgoing:
    return Outgoing(record.key, record.value, list(record.headers))

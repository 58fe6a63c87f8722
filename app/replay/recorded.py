"""Recorded records, in the order in which they are to be written."""

import heapq
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass

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


_Head = tuple[int, int, Recorded, AsyncIterator[Recorded]]


async def of_topic(reader: TopicReader, spans: Mapping[int, Span]) -> AsyncGenerator[Recorded, None]:
    """Yield the records of *spans*, each partition in its order, and all in that of their times.

    Raises:
        KafkaError: the brokers do not give them.
    """
    merged: list[_Head] = []
    open_ones = [_of_partition(reader, partition, span) for partition, span in spans.items() if span.size]
    try:
        for number, each in enumerate(open_ones):
            await _push(merged, number, each, 0)
        while merged:
            at, number, found, rest = heapq.heappop(merged)
            yield found
            await _push(merged, number, rest, at)
    finally:
        for each in open_ones:
            await each.aclose()


async def _push(merged: list[_Head], number: int, rest: AsyncIterator[Recorded], at: int) -> None:
    async for found in rest:
        # A clock that was set back must not hold up a partition: its record goes with the one before it.
        heapq.heappush(merged, (max(at, int(found.at_ms or 0)), number, found, rest))
        return


async def _of_partition(reader: TopicReader, partition: int, span: Span) -> AsyncGenerator[Recorded, None]:
    async with aclosing(reader.chunks(partition, span)) as chunks:
        async for chunk in chunks:
            for record in chunk:
                at = record.timestamp if record.timestamp >= 0 else None
                yield Recorded(at, partition, _again(record))


def _again(record: Incoming) -> Outgoing:
    return Outgoing(record.key, record.value, list(record.headers))

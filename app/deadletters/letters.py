"""The letters of a dead-letter topic, oldest first."""

import heapq
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from app.deadletters.letter import Letter, read
from app.kafka.reader import Span, TopicReader


async def letters(reader: TopicReader, spans: Mapping[int, Span]) -> AsyncGenerator[Letter, None]:
    """Yield the letters in *spans* in the order in which they were refused, those of one partition as they stand.

    Raises:
        KafkaError: the brokers do not give them.
    """
    streams = {partition: _of_partition(reader, partition, span) for partition, span in spans.items()}
    heads: list[tuple[int, int, Letter]] = []

    async def advance(partition: int) -> None:
        if (letter := await anext(streams[partition], None)) is not None:
            heapq.heappush(heads, (letter.timestamp or 0, partition, letter))

    try:
        for partition in streams:
            await advance(partition)
        while heads:
            _, partition, letter = heapq.heappop(heads)
            yield letter
            await advance(partition)
    finally:
        for stream in streams.values():
            await stream.aclose()


async def _of_partition(reader: TopicReader, partition: int, span: Span) -> AsyncGenerator[Letter, None]:
    async with aclosing(reader.chunks(partition, span)) as chunks:
        async for records in chunks:
            for record in records:
                yield read(partition, record)

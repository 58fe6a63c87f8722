"""The letters of a dead-letter topic, oldest first."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from app.deadletters.letter import Letter, read
from app.kafka.merging import merged
from app.kafka.reader import Span, TopicReader


async def letters(reader: TopicReader, spans: Mapping[int, Span]) -> AsyncGenerator[Letter, None]:
    """Yield the letters in *spans* in the order in which they were refused, those of one partition as they stand.

    Raises:
        KafkaError: the brokers do not give them.
    """
    streams = {partition: _of_partition(reader, partition, span) for partition, span in spans.items()}
    async with aclosing(merged(streams, lambda letter: letter.timestamp or 0)) as found:
        async for letter in found:
            yield letter


async def _of_partition(reader: TopicReader, partition: int, span: Span) -> AsyncGenerator[Letter, None]:
    async with aclosing(reader.chunks(partition, span)) as chunks:
        async for records in chunks:
            for record in records:
                yield read(partition, record)

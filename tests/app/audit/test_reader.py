"""What the reader makes of what aiokafka's fetcher has for it."""

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError

from app.audit.reader import Reader
from tests.app.audit.answers import fill
from tests.broker.topics import Topics


def reading(topics: Topics) -> tuple[Reader, TopicPartition]:
    reader = Reader("read_committed", bootstrap_servers=topics.client.bootstrap_servers)
    return reader, TopicPartition(topics.input, 0)


async def test_what_a_broker_refuses_ends_the_reading(topics: Topics):
    reader, partition = reading(topics)
    async with reader:
        pieces = reader.read(partition, 10)
        assert await anext(pieces) == (0, [])
        reader._consumer._fetcher._set_error(partition, TopicAuthorizationFailedError(topics.input))
        reader._consumer._fetcher._notify(reader._consumer._fetcher._wait_consume_future)
        with pytest.raises(TopicAuthorizationFailedError):
            await anext(pieces)


async def test_what_was_fetched_for_another_position_is_fetched_again(topics: Topics):
    fill(topics, 10)
    reader, partition = reading(topics)
    async with reader:
        pieces = reader.read(partition, 10)
        assert await anext(pieces) == (0, [])
        consumer: Any = reader._consumer
        async with asyncio.timeout(30):
            while partition not in consumer._fetcher._records:
                await asyncio.sleep(0.01)
        consumer._subscription.subscription.assignment.state_value(partition).consumed_to(4)
        read = [record.offset async for _, records in pieces for record in records]
    assert read == [4, 5, 6, 7, 8, 9]

"""Where partitions end, also while transactions are under way."""

import asyncio
import contextlib

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from faust.types import TP

from app.kafka.ends import EndOffsets
from tests.app.kafka.publishing import connected
from tests.broker.records import Record
from tests.broker.topics import Topics

pytestmark = pytest.mark.needs_apache_kafka


async def until_they_are(ends: EndOffsets, tps: list[TP], wanted: list[int]) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(KafkaError):  # partitions of a young topic refuse for a moment
                if await ends(tps) == dict(zip(tps, wanted, strict=True)):
                    return
            await asyncio.sleep(0.02)


async def test_records_and_markers_count_and_what_a_transaction_holds_up_does_not(topics: Topics):
    topics.client.write(topics.input, [Record(b"v", partition=i % 2) for i in range(6)])
    tps = [TP(topics.input, partition) for partition in range(4)]
    producer = AIOKafkaProducer(bootstrap_servers=topics.client.bootstrap_servers, transactional_id=topics.group)
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(topics.input, b"open", partition=0)
    async with connected(topics.client.bootstrap_servers, topics.input) as client:
        ends = EndOffsets(client)
        await until_they_are(ends, tps, [3, 3, 0, 0])
        await producer.commit_transaction()
        await until_they_are(ends, tps, [5, 3, 0, 0])
        with pytest.raises(UnknownTopicOrPartitionError):
            await ends([TP(f"{topics.input}-no", 0)])
    await producer.stop()

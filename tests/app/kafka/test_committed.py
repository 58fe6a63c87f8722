"""What a group has committed, asked and told by somebody who is no member."""

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from confluent_kafka import Consumer

from app.kafka.committed import GroupOffsets
from app.kafka.transactional import TransactionalProducer
from tests.app.kafka.publishing import connected, numbered
from tests.broker.frames import ApiKey
from tests.broker.proxy import Proxy
from tests.broker.topics import Topics, fresh_topics


@pytest.fixture(params=["kafka", "tansu"])
def any_topics(request: pytest.FixtureRequest) -> Iterator[Topics]:
    """Topics on each kind of broker."""
    with fresh_topics(request.getfixturevalue(request.param)) as topics:
        yield topics


async def test_what_is_committed_is_what_others_see_and_the_other_way_round(any_topics: Topics):
    topics = any_topics
    async with connected(topics.client.bootstrap_servers, topics.input) as client:
        offsets = GroupOffsets(client, topics.group)
        assert await offsets.committed(TopicPartition(topics.input, 1)) is None
        await offsets.commit(TopicPartition(topics.input, 1), 0)
        await offsets.commit(TopicPartition(topics.input, 3), 17)
        assert await asyncio.to_thread(topics.client.committed_offsets, topics.input, topics.group) == {1: 0, 3: 17}
        await asyncio.to_thread(topics.client.commit, topics.input, topics.group, {1: 5})
        assert await offsets.committed(TopicPartition(topics.input, 1)) == 5
        assert await offsets.committed(TopicPartition(topics.input, 2)) is None


@pytest.mark.needs_apache_kafka
async def test_an_offset_that_a_transaction_is_about_to_change_is_waited_for(topics: Topics, proxy: Proxy):
    tp = TopicPartition(topics.input, 0)
    servers = topics.client.bootstrap_servers
    async with connected(proxy.bootstrap_servers, topics.output) as writing, connected(servers, topics.input) as client:
        offsets = GroupOffsets(client, topics.group)
        await offsets.commit(tp, 1)
        producer = TransactionalProducer(writing, group=topics.group, source=tp, hold_seconds=0)
        await producer.open()
        await producer.publish(topics.output, 0, numbered(1))
        with proxy.hold(ApiKey.END_TXN) as hold:
            committing = asyncio.create_task(producer.commit(2))
            await asyncio.to_thread(hold.wait)
            asking = asyncio.create_task(offsets.committed(tp))
            await asyncio.sleep(0.3)
            assert not asking.done()
        await committing
        assert await asking == 2
        await producer.close()


@pytest.mark.needs_apache_kafka
async def test_a_group_with_members_takes_no_offsets_from_outside(topics: Topics):
    member = Consumer({"bootstrap.servers": topics.client.bootstrap_servers, "group.id": topics.group})
    member.subscribe([topics.input])
    while not member.assignment():
        await asyncio.to_thread(member.poll, 0.1)
    async with connected(topics.client.bootstrap_servers, topics.input) as client:
        with pytest.raises(KafkaError):
            await GroupOffsets(client, topics.group, patience_seconds=0.1).commit(TopicPartition(topics.input, 0), 3)
    member.close()


@pytest.mark.needs_apache_kafka
async def test_a_broken_connection_is_no_reason_to_give_up(topics: Topics, proxy: Proxy):
    tp = TopicPartition(topics.input, 0)
    async with connected(proxy.bootstrap_servers, topics.input) as client:
        offsets = GroupOffsets(client, topics.group)
        await offsets.commit(tp, 3)
        proxy.cut()
        asyncio.get_running_loop().call_later(0.3, proxy.heal)
        assert await offsets.committed(tp) == 3

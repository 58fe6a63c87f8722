"""Publishing at least once, on real brokers: order, sizes, refusals, outages."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, UnknownProducerId
from msgspec.structs import replace

from app.broker import EmbeddedBroker
from app.errors import PublishFailed
from app.kafka.batch import BATCH_BYTES
from app.kafka.client import AnswerLost
from app.kafka.idempotent import IdempotentProducer
from app.kafka.producer import Refusal
from app.kafka.sender import Sender
from app.records import Outgoing
from tests.app.kafka.harness import consuming
from tests.app.kafka.publishing import connected, numbered, same, until
from tests.broker.apache_kafka import ApacheKafka
from tests.broker.frames import ApiKey
from tests.broker.proxy import Proxy
from tests.broker.session import Broker
from tests.broker.topics import TopicClient, Topics, fresh_topics


@asynccontextmanager
async def publishing(bootstrap_servers: str, *topics: str, **options: Any) -> AsyncIterator[IdempotentProducer]:
    async with connected(bootstrap_servers, *topics, **options) as client:
        yield IdempotentProducer(client)


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes of every batch that the broker took or refused for good."""
    sent: list[int] = []
    send = Sender.send

    async def noting(self: Sender, tp: TopicPartition, data: bytes) -> None:
        try:
            await send(self, tp, data)
        except KafkaError as error:
            if not error.retriable:  # a young topic's leader does not know yet that it is one
                sent.append(len(data))
            raise
        sent.append(len(data))

    monkeypatch.setattr(Sender, "send", noting)
    return sent


async def test_records_of_a_partition_keep_their_order_over_many_calls(topics: Topics):
    wanted = {partition: numbered(30 * (partition + 1)) for partition in range(4)}
    async with publishing(topics.client.bootstrap_servers, topics.output) as producer:

        async def in_pieces(partition: int) -> None:
            for start in range(0, len(wanted[partition]), 7):
                piece = wanted[partition][start : start + 7]
                assert await producer.publish(topics.output, partition, piece) == {}

        await asyncio.gather(*(in_pieces(partition) for partition in range(4)))
    read = await asyncio.to_thread(topics.client.read_all, topics.output)
    for partition in range(4):
        assert same([each for each in read if each.partition == partition], wanted[partition])


async def test_two_callers_share_a_partition_and_each_keeps_its_own_order(topics: Topics):
    async with publishing(topics.client.bootstrap_servers, topics.output) as producer:

        async def many(name: bytes) -> None:
            for start in range(0, 40, 4):
                records = [Outgoing(name, b"%d" % number, []) for number in range(start, start + 4)]
                assert await producer.publish(topics.output, 0, records) == {}

        await asyncio.gather(many(b"a"), many(b"b"), many(b"c"))
    read = await asyncio.to_thread(topics.client.read_all, topics.output)
    for name in (b"a", b"b", b"c"):
        assert [int(each.value) for each in read if each.key == name] == [*range(40)]


async def test_keys_values_and_headers_arrive_as_they_are(topics: Topics):
    records = [
        Outgoing(b"k", b"v", [("a", b"1"), ("a", None), ("", b""), ("ü", b"\xff")]),
        Outgoing(None, b"v", []),
        Outgoing(b"k", None, [("a", None)]),
        Outgoing(None, None, [("alone", b"1")]),
        Outgoing(None, None, []),
        Outgoing(b"", b"", []),
    ]
    async with publishing(topics.client.bootstrap_servers, topics.output) as producer:
        assert await producer.publish(topics.output, 2, records) == {}
    read = await asyncio.to_thread(topics.client.read_all, topics.output)
    assert {each.partition for each in read} == {2}
    assert [(each.key, each.value, list(each.headers)) for each in read] == [
        (each.key, each.value, list(each.headers)) for each in records
    ]


async def test_what_is_more_than_a_batch_goes_out_in_several_within_kafkas_default_limit(
    topics: Topics, sizes: list[int]
):
    records = numbered(250, size=12_000)
    async with publishing(topics.client.bootstrap_servers, topics.output) as producer:
        assert await producer.publish(topics.output, 0, records) == {}
    assert len(sizes) == 4
    assert max(sizes) <= BATCH_BYTES
    assert same(await asyncio.to_thread(topics.client.read_all, topics.output), records)


async def test_a_record_larger_than_a_batch_goes_out_alone_where_the_topic_takes_it(kafka: Broker, sizes: list[int]):
    small, large = Outgoing(b"small", b"s", []), Outgoing(b"large", os.urandom(3 * BATCH_BYTES), [])
    records = [small, large, large, small]
    with fresh_topics(kafka, config={"max.message.bytes": "10000000"}) as topics:
        async with publishing(kafka.bootstrap_servers, topics.output) as producer:
            assert await producer.publish(topics.output, 0, records) == {}
        assert [size > BATCH_BYTES for size in sizes] == [False, True, True, False]
        assert same(await asyncio.to_thread(topics.client.read_all, topics.output), records)


@pytest.fixture
def small_topic(kafka: Broker) -> Any:
    """A topic of one partition that takes no batch above 1,000 bytes."""
    with fresh_topics(kafka, partitions=1, config={"max.message.bytes": "1000"}) as topics:
        yield topics.client, topics.output


@pytest.mark.needs_apache_kafka  # the embedded broker takes records of any size
async def test_the_records_that_are_refused_as_too_large_are_found_and_the_others_arrive_in_order(
    small_topic: tuple[TopicClient, str],
):
    client, topic = small_topic
    fit: list[Outgoing] = []
    cases = [(1, {0}), (2, {1}), (9, {0, 4, 8}), (5, set(range(5))), (64, {17}), (33, {15, 16, 32}), (5, set())]
    async with publishing(client.bootstrap_servers, topic) as producer:
        for count, too_large in cases:
            records = numbered(count)
            records = [replace(each, value=b"x" * 1000) if n in too_large else each for n, each in enumerate(records)]
            assert await producer.publish(topic, 0, records) == dict.fromkeys(too_large, Refusal.TOO_LARGE)
            fit += [each for n, each in enumerate(records) if n not in too_large]
    assert same(await asyncio.to_thread(client.read_all, topic), fit)


@pytest.mark.needs_apache_kafka  # the embedded broker takes records of any size
async def test_places_are_counted_over_all_batches_of_a_call(
    small_topic: tuple[TopicClient, str], monkeypatch: pytest.MonkeyPatch, sizes: list[int]
):
    monkeypatch.setattr("app.kafka.batch.BATCH_BYTES", 950)
    client, topic = small_topic
    too_large = {3, 4, 17, 39}
    records = [replace(each, value=b"x" * 1000) if n in too_large else each for n, each in enumerate(numbered(40, 99))]
    async with publishing(client.bootstrap_servers, topic) as producer:
        assert await producer.publish(topic, 0, records) == dict.fromkeys(too_large, Refusal.TOO_LARGE)
    assert len(sizes) > 8


async def test_a_batch_that_is_sent_again_holds_the_same_records(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    records = numbered(30_000, size=50)
    send, sent = Sender.send, []

    async def failing_at_first(self: Sender, tp: TopicPartition, data: bytes) -> None:
        sent.append(bytes(data))
        if len(sent) == 1:
            raise UnknownProducerId  # the batch is filled again, for another producer id
        if len(sent) == 2:
            raise AnswerLost
        await send(self, tp, data)

    monkeypatch.setattr(Sender, "send", failing_at_first)
    async with publishing(topics.client.bootstrap_servers, topics.output) as producer:
        assert await producer.publish(topics.output, 0, records) == {}
    assert len(sent[0]) == len(sent[1]) > BATCH_BYTES / 2
    assert sent[0] != sent[1] == sent[2]
    assert same(await asyncio.to_thread(topics.client.read_all, topics.output), records)


async def test_nothing_to_publish_is_nothing_to_wait_for(topics: Topics, sizes: list[int]):
    async with publishing(topics.client.bootstrap_servers, topics.output) as producer:
        assert await producer.publish(topics.output, 0, []) == {}
    assert sizes == []


@pytest.mark.needs_apache_kafka  # the embedded broker takes such records
async def test_records_that_the_topic_takes_for_invalid_are_found_and_the_others_arrive_in_order(kafka: Broker):
    # Apache Kafka takes no records without a key for a compacted topic.
    records = numbered(20)
    invalid = {0, 7, 8, 19}
    sent = [replace(each, key=None) if n in invalid else each for n, each in enumerate(records)]
    with fresh_topics(kafka, config={"cleanup.policy": "compact"}) as topics:
        async with publishing(kafka.bootstrap_servers, topics.output) as producer:
            assert await producer.publish(topics.output, 1, sent) == dict.fromkeys(invalid, Refusal.INVALID)
        arrived = await asyncio.to_thread(topics.client.read_all, topics.output)
    assert same(arrived, [each for n, each in enumerate(records) if n not in invalid])


@pytest.mark.needs_apache_kafka  # the embedded broker takes any timestamp
async def test_a_refusal_that_trying_again_cannot_mend_is_an_error_that_keeps_its_cause(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.kafka.producer.time.time", lambda: 1_000_000.0)
    with fresh_topics(kafka, config={"message.timestamp.before.max.ms": "1000"}) as topics:
        async with publishing(kafka.bootstrap_servers, topics.output) as producer:
            with pytest.raises(PublishFailed, match=rf"{topics.output}\[1\]: the broker refuses") as failure:
                await producer.publish(topics.output, 1, [Outgoing(b"k", b"v", [])])
    assert isinstance(failure.value.__cause__, KafkaError)


async def test_what_is_published_to_the_embedded_broker_is_what_the_service_itself_reads(tansu: EmbeddedBroker):
    with fresh_topics(tansu) as topics:
        records = [Outgoing(b"k%d" % n, b"%d" % n, [("n", b"%d" % n), ("none", None)]) for n in range(300)]
        async with publishing(topics.client.bootstrap_servers, topics.input) as producer:
            for partition in range(3):
                mine = records[partition::3]
                assert await producer.publish(topics.input, partition, mine) == {}
        async with consuming(topics) as receiver:
            await receiver.wait_for(lambda: len(receiver.records) >= 300)
        for partition in range(3):
            read = [each for chunk in receiver.chunks if chunk.tp.partition == partition for each in chunk]
            assert [Outgoing(each.key, each.value, each.headers) for each in read] == records[partition::3]


@pytest.mark.needs_apache_kafka  # the embedded broker forgets everything when it is killed
async def test_a_broker_that_is_away_is_waited_for_and_nothing_is_lost_or_out_of_order(
    mortal_kafka: ApacheKafka, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.kafka.producer.SLOW_SECONDS", 0.3)
    records = numbered(200)
    with fresh_topics(mortal_kafka, partitions=1) as topics:
        # A short patience makes the producer itself try again, and not only the client below it.
        options = {"request_timeout_ms": 1000}
        async with publishing(mortal_kafka.bootstrap_servers, topics.output, **options) as producer:
            assert await producer.publish(topics.output, 0, records[:100]) == {}
            await asyncio.to_thread(mortal_kafka.kill)
            rest = asyncio.create_task(producer.publish(topics.output, 0, records[100:]))
            await until(lambda: producer.trouble)
            assert "the broker does not confirm; trying again" in caplog.text
            assert not rest.done()
            assert f"{topics.output}[0]: the broker has not confirmed a batch for" in producer.trouble
            await asyncio.to_thread(mortal_kafka.restart)
            assert await asyncio.wait_for(rest, 60) == {}
            assert producer.trouble is None
        read = await asyncio.to_thread(topics.client.read_all, topics.output)
    # A confirmation that was lost with the broker may have doubled records, but it has moved none.
    assert list(dict.fromkeys(each.value for each in read)) == [each.value for each in records]


@pytest.mark.needs_apache_kafka  # the embedded broker has no idempotent producers
async def test_a_batch_whose_answer_is_lost_is_sent_again_and_written_once(topics: Topics, proxy: Proxy):
    records = numbered(20)
    async with publishing(proxy.bootstrap_servers, topics.output) as producer:
        assert await producer.publish(topics.output, 0, records[:5]) == {}
        for start in (5, 10, 15):
            proxy.swallow_answers(ApiKey.PRODUCE, count=1, reset=True)
            assert await producer.publish(topics.output, 0, records[start : start + 5]) == {}
    assert same(await asyncio.to_thread(topics.client.read_all, topics.output), records)


@pytest.mark.needs_apache_kafka
async def test_a_batch_that_arrives_late_is_not_written_again(
    topics: Topics, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
):
    records = numbered(12)
    async with publishing(proxy.bootstrap_servers, topics.output, request_timeout_ms=500) as producer:
        assert await producer.publish(topics.output, 0, records[:4]) == {}
        with proxy.hold(ApiKey.PRODUCE, count=1) as late:
            assert await producer.publish(topics.output, 0, records[4:8]) == {}
            assert await producer.publish(topics.output, 0, records[8:]) == {}
        await asyncio.to_thread(late.wait_until_answered)
    assert same(await asyncio.to_thread(topics.client.read_all, topics.output), records)


@pytest.mark.needs_apache_kafka
async def test_a_cancelled_batch_leaves_no_doubt_for_those_after_it(topics: Topics, proxy: Proxy):
    records = numbered(8)
    async with publishing(proxy.bootstrap_servers, topics.output) as producer:
        assert await producer.publish(topics.output, 0, records[:4]) == {}
        with proxy.hold(ApiKey.PRODUCE, count=1) as hold:
            cancelled = asyncio.create_task(producer.publish(topics.output, 0, numbered(1, start=90)))
            await asyncio.to_thread(hold.wait)
            cancelled.cancel()
            await asyncio.wait([cancelled])
        await asyncio.to_thread(hold.wait_until_answered)
        assert await producer.publish(topics.output, 0, records[4:]) == {}
    read = await asyncio.to_thread(topics.client.read_all, topics.output)
    assert [each.key for each in read] == [b"k0", b"k1", b"k2", b"k3", b"k90", b"k4", b"k5", b"k6", b"k7"]


async def test_a_broker_without_idempotent_producers_is_told_of_once_and_served_all_the_same(
    tansu: EmbeddedBroker, caplog: pytest.LogCaptureFixture
):
    with fresh_topics(tansu) as topics:
        async with publishing(topics.client.bootstrap_servers, topics.output) as producer:
            for start in range(0, 9, 3):
                assert await producer.publish(topics.output, 0, numbered(3, start=start)) == {}
        assert same(await asyncio.to_thread(topics.client.read_all, topics.output), numbered(9))
    told = [each.message for each in caplog.records if each.name.startswith("app.")]
    assert told == ["the broker has no idempotent producers; after an outage some rankings may be written twice"]

"""Reading what a topic holds: in order, to the end and no further, whatever lies in it; and giving up in time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchBuilderPy

from app.broker import EmbeddedBroker
from app.kafka.reader import Span, TopicReader, patiently
from app.kafka.sender import Sender
from app.kafka.transactional import TransactionalProducer
from tests.app.kafka.publishing import connected, numbered
from tests.app.kafka.test_fetched import Latin1
from tests.broker.proxy import Proxy
from tests.broker.records import Record
from tests.broker.session import Broker
from tests.broker.topics import Topics, fresh_topics


@pytest.fixture(params=["kafka", "tansu"])
def any_topics(request: pytest.FixtureRequest) -> Iterator[Topics]:
    """Topics on each kind of broker."""
    with fresh_topics(request.getfixturevalue(request.param)) as topics:
        yield topics


@asynccontextmanager
async def reading(topics: Topics, servers: str | None = None) -> AsyncIterator[TopicReader]:
    async with connected(servers or topics.client.bootstrap_servers, topics.input) as client:
        yield TopicReader(client, topics.input)


async def write(topics: Topics, *records: Record) -> None:
    await asyncio.to_thread(topics.client.write, topics.input, records)


async def values(reader: TopicReader, partition: int, span: Span) -> list[bytes | None]:
    return [record.value async for chunk in reader.chunks(partition, span) for record in chunk]


async def test_every_record_is_read_once_and_in_order_from_batches_of_any_size(any_topics: Topics):
    for size in (1, 3, 40):
        await write(any_topics, *(Record(b"%d" % number, partition=0) for number in range(size)))
    await write(any_topics, *(Record(b"x" * 600_000, partition=2) for _ in range(5)))
    async with reading(any_topics) as reader:
        spans = await reader.spans()
        assert spans == {0: Span(0, 44), 1: Span(0, 0), 2: Span(0, 5), 3: Span(0, 0)}
        expected = [b"%d" % number for size in (1, 3, 40) for number in range(size)]
        assert await values(reader, 0, spans[0]) == expected
        assert await values(reader, 0, Span(2, 5)) == expected[2:5]
        assert await values(reader, 1, spans[1]) == []
        assert [len(value or b"") for value in await values(reader, 2, spans[2])] == [600_000] * 5


@pytest.mark.needs_apache_kafka
async def test_a_record_that_is_larger_than_what_is_fetched_at_once_is_read_too(kafka: Broker):
    with fresh_topics(kafka, config={"max.message.bytes": "10000000"}) as topics:
        sizes = [3_000_000, 1, 2_000_000]
        await write(topics, *(Record(b"x" * size, partition=0) for size in sizes))
        async with reading(topics) as reader:
            assert [len(value or b"") for value in await values(reader, 0, Span(0, 3))] == sizes


async def test_the_end_is_where_it_was_when_it_was_asked_for(any_topics: Topics):
    await write(any_topics, Record(b"before", partition=1))
    async with reading(any_topics) as reader:
        spans = await reader.spans()
        await write(any_topics, Record(b"after", partition=1))
        assert await values(reader, 1, spans[1]) == [b"before"]


async def test_a_record_comes_with_its_place_time_key_and_headers(any_topics: Topics):
    headers = (("a", b"\xff"), ("b", None), ("a", b""))
    await write(any_topics, Record(None, key=b"k", headers=headers, partition=3, timestamp=1_700_000_000_000))
    async with reading(any_topics) as reader:
        ((record,),) = [chunk async for chunk in reader.chunks(3, Span(0, 1))]
    assert (record.offset, record.timestamp, record.key, record.value) == (0, 1_700_000_000_000, b"k", None)
    assert tuple(record.headers) == headers


async def test_a_header_name_that_is_not_utf8_hides_no_record(topics: Topics):
    builder = _DefaultRecordBatchBuilderPy(2, DefaultRecordBatch.CODEC_NONE, 0, -1, -1, 0, 1_000_000)
    for number, name in enumerate(("plain", Latin1("größe"), "after")):
        builder.append(number, 1_000, b"%d" % number, b"", [(name, b"v")])
    async with connected(topics.client.bootstrap_servers, topics.input) as client:
        batch, sender = bytes(builder.build()), Sender(client)
        # A topic that was just made has no leader for a moment.
        await patiently(lambda: sender.send(TopicPartition(topics.input, 0), batch), client)
        (chunk,) = [chunk async for chunk in TopicReader(client, topics.input).chunks(0, Span(0, 3))]
    assert [(record.key, *record.headers) for record in chunk] == [
        (b"0", ("plain", b"v")),
        (b"1", ("gr\ufffd\ufffde", b"v")),
        (b"2", ("after", b"v")),
    ]


@pytest.mark.needs_apache_kafka
async def test_only_what_transactions_have_committed_is_read_and_their_markers_are_passed(topics: Topics):
    source = TopicPartition(topics.dead_letters, 0)
    async with connected(topics.client.bootstrap_servers, topics.input) as client:
        producer = TransactionalProducer(client, group=topics.group, source=source, hold_seconds=0)
        for start, committed in ((0, True), (10, False), (20, True), (30, False)):
            await producer.open()
            await producer.publish(topics.input, 0, numbered(3, start=start))
            if committed:
                await producer.commit(start)
        # The last one is still open.
        reader = TopicReader(client, topics.input)
        spans = await reader.spans()
        assert spans[0] == Span(0, 12)
        found = await values(reader, 0, spans[0])
        await producer.close()
    assert found == [record.value for start in (0, 20) for record in numbered(3, start=start)]


@pytest.mark.needs_apache_kafka
async def test_what_the_broker_deletes_meanwhile_is_passed_over(topics: Topics):
    await write(topics, *(Record(b"%d" % number, partition=0) for number in range(10)))
    async with reading(topics) as reader:
        spans = await reader.spans()
        await asyncio.to_thread(topics.client.delete_records, topics.input, 0, 7)
        assert await values(reader, 0, spans[0]) == [b"7", b"8", b"9"]
        assert (await reader.spans())[0] == Span(7, 10)
        await asyncio.to_thread(topics.client.delete_records, topics.input, 0, 10)
        assert await values(reader, 0, Span(7, 10)) == []


@pytest.mark.needs_apache_kafka
async def test_an_offset_beyond_the_end_is_no_reason_to_wait(topics: Topics):
    async with reading(topics) as reader:
        with pytest.raises(OffsetOutOfRangeError, match="made anew"):
            await values(reader, 0, Span(5, 10))


@pytest.mark.needs_apache_kafka
async def test_a_broker_that_is_away_for_a_moment_costs_no_record(topics: Topics, proxy: Proxy):
    await write(topics, *(Record(b"x" * 300_000, key=b"%d" % number, partition=0) for number in range(20)))
    async with reading(topics, proxy.bootstrap_servers) as reader:
        keys = []
        async for chunk in reader.chunks(0, (await reader.spans())[0]):
            keys += [record.key for record in chunk]
            proxy.cut()
            asyncio.get_running_loop().call_later(0.3, proxy.heal)
    assert keys == [b"%d" % number for number in range(20)]


async def test_brokers_that_do_not_answer_are_given_up():
    with EmbeddedBroker() as broker:
        await asyncio.to_thread(broker.create_topics, ["in"], partitions=1)
        async with connected(broker.bootstrap_servers, "in") as client:
            reader = TopicReader(client, "in", patience_seconds=0.3)
            await reader.spans()
            broker.stop()
            with pytest.raises(KafkaError):
                await reader.spans()
            with pytest.raises(KafkaError):
                await values(reader, 0, Span(0, 1))

"""Publishing exactly once, on a real Apache Kafka: what is visible when, who is fenced, and what lost answers cost."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition
from msgspec.structs import replace

from app.broker import EmbeddedBroker
from app.errors import ProducerFenced, ProducerLost, PublishFailed, StartFailed
from app.kafka.client import Client
from app.kafka.producer import Refusal
from app.kafka.producers import check_transactions
from app.kafka.transactional import TRANSACTION_TIMEOUT_MS, TransactionalProducer
from tests.app.kafka.publishing import connected, numbered, same, until
from tests.broker.apache_kafka import ApacheKafka
from tests.broker.frames import ApiKey
from tests.broker.proxy import Proxy
from tests.broker.records import Record
from tests.broker.topics import Topics, fresh_topics

pytestmark = pytest.mark.needs_apache_kafka


def producer_for(client: Client, topics: Topics, partition: int = 0) -> TransactionalProducer:
    return TransactionalProducer(
        client, group=topics.group, source=TopicPartition(topics.input, partition), hold_seconds=0.1
    )


@asynccontextmanager
async def producing(topics: Topics, servers: str | None = None) -> AsyncIterator[TransactionalProducer]:
    """An open producer of input partition 0."""
    async with connected(servers or topics.client.bootstrap_servers, topics.output, topics.dead_letters) as client:
        producer = producer_for(client, topics)
        await producer.open()
        try:
            yield producer
        finally:
            await producer.close()


async def visible(topics: Topics, topic: str = "") -> list[Record]:
    """What a reader of committed records sees."""
    return await asyncio.to_thread(topics.client.read_all, topic or topics.output)


async def committed(topics: Topics) -> dict[int, int]:
    return await asyncio.to_thread(topics.client.committed_offsets, topics.input, topics.group)


async def open_again(producer: TransactionalProducer) -> None:
    """As the consumer does: until it works."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await producer.open()
            except ProducerLost:
                await asyncio.sleep(0.05)


async def publish_and_commit(producer: TransactionalProducer, topics: Topics, number: int) -> None:
    await producer.publish(topics.output, 0, numbered(1, start=number))
    await producer.commit(number + 1)


async def publish_now_and_then(producer: TransactionalProducer, topics: Topics) -> None:
    """Until the broker has forgotten the producer, of which it tells nobody."""
    for number in range(1, 30):
        await asyncio.sleep(2)
        await publish_and_commit(producer, topics, number)


@pytest.fixture(scope="module")
def hasty_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """A broker that looks for transactions that took too long, and for ids that nobody uses, all the time."""
    hasty = {
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "100",
        "transactional.id.expiration.ms": "1500",
        "transaction.remove.expired.transaction.cleanup.interval.ms": "100",
    }
    with ApacheKafka(tmp_path_factory.mktemp("hasty"), properties=hasty, heap="256m") as broker:
        yield broker


@pytest.fixture
def hasty_topics(hasty_kafka: ApacheKafka) -> Iterator[Topics]:
    with fresh_topics(hasty_kafka) as fresh:
        yield fresh


async def test_outputs_dead_letters_and_the_offset_become_visible_together_and_not_before(topics: Topics):
    async with producing(topics) as producer:
        assert await producer.publish(topics.output, 0, numbered(3)) == {}
        assert await producer.publish(topics.dead_letters, 1, numbered(2)) == {}
        assert (await visible(topics), await visible(topics, topics.dead_letters), await committed(topics)) == (
            [],
            [],
            {},
        )
        await producer.commit(7)
        assert same(await visible(topics), numbered(3))
        assert same(await visible(topics, topics.dead_letters), numbered(2))
        assert await committed(topics) == {0: 7}


async def test_one_transaction_follows_the_other_and_large_ones_keep_their_order(topics: Topics):
    async with producing(topics) as producer:
        for start in range(0, 3000, 300):
            await producer.publish(topics.output, 0, numbered(100, size=12_000, start=start))
            await producer.publish(topics.output, 0, numbered(200, start=start + 100))
            await producer.commit(start + 300)
    assert [int(record.value.split(b".")[0]) for record in await visible(topics)] == [*range(3000)]
    assert await committed(topics) == {0: 3000}


async def test_an_offset_alone_can_be_committed(topics: Topics):
    async with producing(topics) as producer:
        await producer.commit(4)
    assert await committed(topics) == {0: 4}


async def test_what_is_not_committed_is_gone_when_the_producer_closes_and_readers_do_not_wait(topics: Topics):
    async with producing(topics) as producer:
        await producer.publish(topics.output, 0, numbered(3))
        await producer.close()
        await producer.open()
        await producer.publish(topics.output, 0, numbered(1, start=9))
        await producer.commit(1)
        assert same(await visible(topics), numbered(1, start=9))


async def test_transactions_of_other_partitions_run_side_by_side(topics: Topics):
    async with connected(topics.client.bootstrap_servers, topics.output) as client:
        producers = [producer_for(client, topics, partition) for partition in range(4)]
        await asyncio.gather(*(each.open() for each in producers))
        for each in producers:
            await each.publish(topics.output, 0, numbered(1))
        await producers[3].commit(1)
        assert len(await visible(topics)) == 0, "a reader waits for the older transactions in its partition"
        await asyncio.gather(*(each.commit(1) for each in producers[:3]))
        assert len(await visible(topics)) == 4
        for each in producers:
            await each.close()
    assert await committed(topics) == dict.fromkeys(range(4), 1)


async def test_whoever_opens_a_partition_fences_the_one_before_and_ends_what_it_left(topics: Topics):
    async with producing(topics) as zombie, producing(topics) as owner:
        with pytest.raises(ProducerFenced):
            await zombie.publish(topics.output, 0, numbered(1, start=50))
        await owner.publish(topics.output, 0, numbered(2))
        await owner.commit(2)
        # The owner becomes the zombie with a transaction under way.
        await owner.publish(topics.output, 0, numbered(1, start=60))
        await zombie.open()
        await zombie.publish(topics.output, 0, numbered(1, start=2))
        await zombie.commit(3)
        for step in (owner.publish(topics.output, 0, numbered(1, start=70)), owner.commit(9)):
            with pytest.raises((ProducerFenced, ProducerLost)):
                await step
    assert same(await visible(topics), numbered(3))
    assert await committed(topics) == {0: 3}


async def test_a_zombie_whose_next_step_is_the_commit_is_fenced_as_well(topics: Topics):
    async with producing(topics) as zombie:
        await zombie.publish(topics.output, 0, numbered(1, start=50))
        async with producing(topics) as owner:
            with pytest.raises(ProducerFenced):
                await zombie.commit(9)
            await owner.publish(topics.output, 0, numbered(1))
            await owner.commit(1)
    assert same(await visible(topics), numbered(1))
    assert await committed(topics) == {0: 1}


async def test_a_lone_producer_that_stood_still_past_the_time_out_is_fenced_by_the_broker_and_can_open_again(
    hasty_topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    topics = hasty_topics
    monkeypatch.setattr("app.kafka.transactional.TRANSACTION_TIMEOUT_MS", 500)
    async with producing(topics) as producer:
        await producer.publish(topics.output, 0, numbered(1, start=50))
        # One record, and the marker that ends its transaction.
        while (await asyncio.to_thread(topics.client.end_offsets, topics.output))[0] < 2:
            await asyncio.sleep(0.05)
        with pytest.raises(ProducerFenced, match="or the broker has ended its transaction"):
            await producer.commit(9)
        monkeypatch.setattr("app.kafka.transactional.TRANSACTION_TIMEOUT_MS", TRANSACTION_TIMEOUT_MS)
        await producer.open()
        await producer.publish(topics.output, 0, numbered(1))
        await producer.commit(1)
    assert same(await visible(topics), numbered(1))
    assert await committed(topics) == {0: 1}


async def test_an_id_that_the_broker_has_forgotten_is_in_doubt_and_can_be_opened_again(hasty_topics: Topics):
    topics = hasty_topics
    async with producing(topics) as producer:
        await producer.publish(topics.output, 0, numbered(1))
        await producer.commit(1)
        with pytest.raises(ProducerLost, match="InvalidProducerIdMapping"):
            await publish_now_and_then(producer, topics)
        await producer.open()
        done = (await committed(topics))[0]
        await producer.publish(topics.output, 0, numbered(1, start=done))
        await producer.commit(done + 1)
    assert same(await visible(topics), numbered(done + 1))


async def test_a_commit_whose_answer_is_lost_is_settled_by_opening_anew(topics: Topics, proxy: Proxy):
    async with producing(topics, proxy.bootstrap_servers) as producer:
        await producer.publish(topics.output, 0, numbered(2))
        proxy.swallow_answers(ApiKey.END_TXN, count=1, reset=True)
        with pytest.raises(ProducerLost, match="the connection to broker 1 broke"):
            await producer.commit(2)
        with pytest.raises(ProducerLost, match="not opened anew"):
            await producer.publish(topics.output, 0, numbered(1, start=2))
        await open_again(producer)
        # It was carried out, and the offset says so: whoever goes on from there repeats nothing.
        assert await committed(topics) == {0: 2}
        await producer.publish(topics.output, 0, numbered(1, start=2))
        await producer.commit(3)
    assert same(await visible(topics), numbered(3))


async def test_a_commit_that_arrives_late_hits_no_later_transaction(
    topics: Topics, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.kafka.transactional._OURS_SECONDS", 2.0)
    async with producing(topics, proxy.bootstrap_servers) as producer:
        await producer.publish(topics.output, 0, numbered(2))
        with proxy.hold(ApiKey.END_TXN, count=1) as late:
            with pytest.raises(ProducerLost, match="not done within 2 s"):
                await producer.commit(2)
            await open_again(producer)
            assert await committed(topics) == {}
            await producer.publish(topics.output, 0, numbered(1))
            late.release()
            await asyncio.to_thread(late.wait_until_answered)
            assert await visible(topics) == []
            await producer.publish(topics.output, 0, numbered(2, start=1))
            await producer.commit(3)
    assert same(await visible(topics), numbered(3))
    assert await committed(topics) == {0: 3}


@pytest.mark.parametrize(
    "kind",
    [
        ApiKey.ADD_PARTITIONS_TO_TXN,
        ApiKey.PRODUCE,
        ApiKey.ADD_OFFSETS_TO_TXN,
        ApiKey.TXN_OFFSET_COMMIT,
        ApiKey.END_TXN,
    ],
    ids=lambda kind: kind.name,
)
@pytest.mark.parametrize("carried_out", [True, False], ids=["answer lost", "request late"])
async def test_whatever_is_lost_on_the_way_nothing_is_lost_or_doubled_in_the_end(
    topics: Topics, proxy: Proxy, kind: ApiKey, carried_out: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.kafka.transactional._OURS_SECONDS", 2.0)
    async with producing(topics, proxy.bootstrap_servers) as producer:
        await producer.publish(topics.output, 0, numbered(1))
        await producer.commit(1)
        if carried_out:
            proxy.swallow_answers(kind, count=1, reset=True)
        else:
            hold = proxy.hold(kind, count=1)
        with pytest.raises(ProducerLost):
            await publish_and_commit(producer, topics, 1)
        await open_again(producer)
        done = (await committed(topics))[0]
        assert done == (2 if kind is ApiKey.END_TXN and carried_out else 1)
        await producer.publish(topics.output, 0, numbered(2, start=done))
        if not carried_out:
            hold.release()
            await asyncio.to_thread(hold.wait_until_answered)
        await producer.publish(topics.output, 0, numbered(2, start=done + 2))
        await producer.commit(done + 4)
    assert same(await visible(topics), numbered(done + 4))
    assert await committed(topics) == {0: done + 4}


async def test_a_cancelled_step_leaves_the_producer_in_doubt(topics: Topics, proxy: Proxy):
    async with producing(topics, proxy.bootstrap_servers) as producer:
        await producer.publish(topics.output, 0, numbered(1))
        with proxy.hold(ApiKey.PRODUCE) as hold:
            step = asyncio.create_task(producer.publish(topics.output, 0, numbered(1, start=1)))
            await asyncio.to_thread(hold.wait)
            step.cancel()
            await asyncio.wait([step])
            with pytest.raises(ProducerLost, match="not opened anew"):
                await producer.commit(2)
            await open_again(producer)
        await producer.publish(topics.output, 0, numbered(1))
        await producer.commit(1)
    assert same(await visible(topics), numbered(1))


async def test_a_record_that_is_refused_leaves_the_transaction_whole(topics: Topics):
    small = f"{topics.output}-small"
    await asyncio.to_thread(topics.client.create, small, partitions=1, config={"max.message.bytes": "1000"})
    records = [replace(each, value=b"x" * 1000) if n in {0, 5, 19} else each for n, each in enumerate(numbered(20))]
    async with connected(topics.client.bootstrap_servers, small, topics.dead_letters) as client:
        producer = producer_for(client, topics)
        await producer.open()
        for round_ in range(3):
            assert await producer.publish(small, 0, records) == dict.fromkeys({0, 5, 19}, Refusal.TOO_LARGE)
            assert await producer.publish(topics.dead_letters, 0, numbered(3)) == {}
            assert await visible(topics, small) == [] or round_
            await producer.commit(20 * (round_ + 1))
        await producer.close()
    fit = [each for n, each in enumerate(records) if n not in {0, 5, 19}]
    assert same(await visible(topics, small), 3 * fit)
    assert same(await visible(topics, topics.dead_letters), 3 * numbered(3))
    assert await committed(topics) == {0: 60}
    await asyncio.to_thread(topics.client.delete, small)


async def test_a_broker_that_is_away_for_longer_than_a_transaction_costs_nothing_that_was_committed(
    mortal_kafka: ApacheKafka, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.kafka.transactional._OURS_SECONDS", 1.5)
    with fresh_topics(mortal_kafka) as topics:
        async with producing(topics) as producer:
            await producer.publish(topics.output, 0, numbered(2))
            await producer.commit(2)
            await producer.publish(topics.output, 0, numbered(1, start=2))
            await asyncio.to_thread(mortal_kafka.kill)
            with pytest.raises(ProducerLost):
                await producer.commit(3)
            with pytest.raises(ProducerLost):
                await producer.open()
            await asyncio.to_thread(mortal_kafka.restart)
            await open_again(producer)
            assert await committed(topics) == {0: 2}
            await producer.publish(topics.output, 0, numbered(1, start=2))
            await producer.commit(3)
        assert same(await visible(topics), numbered(3))


async def test_while_the_topic_is_gone_the_producer_says_what_it_waits_for(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.kafka.producer.SLOW_SECONDS", 0.2)
    monkeypatch.setattr("app.kafka.transactional._OURS_SECONDS", 2.0)
    async with producing(topics) as producer:
        await asyncio.to_thread(topics.client.delete, topics.output)
        step = asyncio.create_task(producer.publish(topics.output, 0, numbered(1)))
        await until(lambda: producer.trouble)
        with pytest.raises(ProducerLost, match="not done within 2 s"):
            await step
        assert producer.trouble is None


async def test_a_transaction_that_may_take_longer_than_the_broker_lets_it_is_an_error_that_says_what_to_change(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.kafka.transactional.TRANSACTION_TIMEOUT_MS", 2**31 - 1)
    async with connected(topics.client.bootstrap_servers) as client:
        with pytest.raises(PublishFailed, match=r"raise transaction\.max\.timeout\.ms"):
            await producer_for(client, topics).open()


async def test_a_broker_with_transactions_passes_the_check(topics: Topics):
    async with connected(topics.client.bootstrap_servers) as client:
        await check_transactions(client)


async def test_a_broker_without_transactions_is_told_at_the_start(tansu: EmbeddedBroker):
    async with connected(tansu.bootstrap_servers) as client:
        with pytest.raises(StartFailed, match="PROCESSING_GUARANTEE=exactly_once: this broker has no transactions"):
            await check_transactions(client)


def test_ids_of_other_groups_and_topics_differ_however_they_are_named():
    client = Client(["localhost:1"])
    named = [("a", "b-c"), ("a-b", "c"), ("a/b", "c"), ("a", "b")]
    ids = {
        TransactionalProducer(client, group=group, source=TopicPartition(topic, 0), hold_seconds=0).transactional_id
        for group, topic in named
    }
    assert len(ids) == len(named)

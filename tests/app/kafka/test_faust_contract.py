"""What we rely on in faust-streaming and aiokafka, against a real broker: look here first after an upgrade."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from faust.transport import conductor
from faust.types import TP

from app.errors import ChunkLost, StartFailed
from app.kafka.consuming import make_app
from app.kafka.fetching import FETCH_MAX_WAIT_MS
from config.settings import load_settings
from tests.app.kafka.harness import Receiver, consuming
from tests.broker.records import Record
from tests.broker.topics import TopicClient, Topics


def records(count: int, partitions: int = 4) -> list[Record]:
    return [Record(b"%d" % i, key=b"k%d" % i, partition=i % partitions) for i in range(count)]


async def committed(topics: Topics) -> dict[int, int]:
    return await asyncio.to_thread(topics.client.committed_offsets, topics.input, topics.group)


async def wait_until_committed(topics: Topics, goal: dict[int, int]) -> None:
    async with asyncio.timeout(30):
        while await committed(topics) != goal:
            await asyncio.sleep(0.05)


async def test_the_agent_receives_whole_chunks_with_every_record_once_and_in_order(topics: Topics):
    topics.client.write(topics.input, records(2000))
    async with consuming(topics) as receiver:
        await receiver.wait_for(lambda: len(receiver.records) >= 2000)
    assert receiver.offsets == [(partition, offset) for partition in range(4) for offset in range(500)]
    assert len(receiver.chunks) < 40
    for chunk in receiver.chunks:
        assert [record.offset for record in chunk] == list(range(chunk.start, chunk.end))
    assert await committed(topics) == dict.fromkeys(range(4), 500)


async def test_records_keep_key_value_headers_and_timestamp(topics: Topics):
    headers = [("a", b"1"), ("a", b"\xff"), ("none", None)]
    written = Record(b"v", key=b"k", headers=tuple(headers), partition=2, timestamp=1_700_000_000_000)
    topics.client.write(topics.input, [written])
    async with consuming(topics) as receiver:
        await receiver.wait_for(lambda: len(receiver.records) == 1)
    (read,) = receiver.records
    assert (read.key, read.value, read.headers, read.timestamp) == (b"k", b"v", headers, written.timestamp)
    assert (*receiver.chunks[0].tp, read.offset) == (topics.input, 2, 0)


async def test_a_chunk_that_is_not_acknowledged_stops_the_commit_below_it_for_good(topics: Topics):
    receiver = Receiver()
    receiver.acknowledge_at_once = False
    async with consuming(topics, receiver):
        for wave in range(3):
            topics.client.write(topics.input, records(10, partitions=1))
            await receiver.wait_for(lambda: len(receiver.records) == 10 * (wave + 1))
        for acknowledge in (receiver.acknowledge[0], receiver.acknowledge[2]):
            acknowledge()
        await wait_until_committed(topics, {0: receiver.chunks[0].end})
        assert receiver.app.consumer.books.watermarks[TP(topics.input, 0)].committable() is None
        for acknowledge in receiver.acknowledge:
            acknowledge()
        await wait_until_committed(topics, {0: 30})


async def test_a_worker_that_joins_late_gets_a_share_too(topics: Topics):
    async with AsyncExitStack() as running, asyncio.timeout(120):
        receivers: list[Receiver] = []
        for shares in ([4], [2, 2], [1, 1, 2]):
            receivers.append(await running.enter_async_context(consuming(topics)))
            while sorted(len(receiver.app.consumer.assigned) for receiver in receivers) != shares:
                await asyncio.sleep(0.05)


async def test_iterating_without_acknowledging_acknowledges_nothing(topics: Topics):
    topics.client.write(topics.input, records(40))
    receiver = Receiver()
    receiver.acknowledge_at_once = False
    async with consuming(topics, receiver):
        await receiver.wait_for(lambda: len(receiver.records) == 40)
    assert await committed(topics) == {}
    async with consuming(topics) as second:
        await second.wait_for(lambda: len(second.records) == 40)
    assert second.offsets == receiver.offsets


async def test_a_rebalance_drains_and_commits_before_it_lets_go_so_that_nothing_is_read_twice(topics: Topics):
    first, second = Receiver(), Receiver()
    first.acknowledge_at_once = False
    first.acknowledge_on_revoke = True
    topics.client.write(topics.input, records(400))
    async with consuming(topics, first, COMMIT_INTERVAL_MS="3600000"):
        await first.wait_for(lambda: len(first.records) == 400)
        async with consuming(topics, second):
            await first.wait_for(lambda: first.events.count("rebalanced") == 2 and not first.app.consumer.opening)
            assert [each for each in first.events if each != "opening"] == 2 * ["revoked", "rebalanced"]
            let_go = len(first.events) - first.events[::-1].index("revoked")
            assert (first.events[:let_go].count("opening"), first.events[let_go:].count("opening")) == (4, 2)
            assert (len(first.assigned), len(second.assigned)) == (2, 2)
            first.acknowledge_at_once = True
            topics.client.write(topics.input, records(400))
            await first.wait_for(lambda: len(first.records) + len(second.records) >= 800)
    both = sorted(first.offsets + second.offsets)
    assert both == [(partition, offset) for partition in range(4) for offset in range(200)]


async def test_a_spare_worker_without_partitions_has_joined_all_the_same(topics: Topics):
    receivers = [Receiver() for _ in range(5)]
    async with consuming(topics, receivers[0]), consuming(topics, receivers[1]), consuming(topics, receivers[2]):
        async with consuming(topics, receivers[3]), consuming(topics, receivers[4]):
            await receivers[4].wait_for(lambda: all(each.app.consumer.joined for each in receivers))
            assert sorted(len(each.app.consumer.assignment()) for each in receivers) == [0, 1, 1, 1, 1]
            topics.client.write(topics.input, records(40))
            await receivers[0].wait_for(lambda: sum(len(each.records) for each in receivers) == 40)


async def test_no_more_is_in_flight_than_allowed_and_commits_make_room_at_once(topics: Topics):
    topics.client.write(topics.input, records(1000))
    receiver = Receiver()
    receiver.acknowledge_at_once = False
    bounds = {"IN_FLIGHT_MAX_RECORDS": "64", "BATCH_MAX_SIZE": "16", "COMMIT_INTERVAL_MS": "60000"}
    async with consuming(topics, receiver, **bounds):
        most, done = 0, 0
        while len(receiver.records) < 1000:
            await receiver.wait_for(lambda: len(receiver.chunks) > done)
            most = max(most, receiver.app.in_flight.records)
            receiver.acknowledge[done]()
            done += 1
        assert most <= 64
        for acknowledge in receiver.acknowledge:
            acknowledge()
    assert receiver.app.in_flight.records == receiver.app.in_flight.nbytes == 0
    assert receiver.offsets == [(partition, offset) for partition in range(4) for offset in range(250)]


async def test_bytes_in_flight_never_go_beyond_their_bound_but_for_a_record_that_is_larger_by_itself(topics: Topics):
    sizes = [9_999] * 60 + [90_000] * 4 + [200_000] * 4 + [9_999] * 60
    topics.client.write(topics.input, [Record(b"x" * size, partition=i % 4) for i, size in enumerate(sizes)])
    receiver = Receiver()
    receiver.acknowledge_at_once = False
    most: list[tuple[int, int]] = []
    async with consuming(topics, receiver, IN_FLIGHT_MAX_BYTES="100000"):
        in_flight, done = receiver.app.in_flight, 0
        add = in_flight.add

        def noting(records: int, nbytes: int) -> None:
            add(records, nbytes)
            most.append((in_flight.nbytes, in_flight.records))

        in_flight.add = noting
        while len(receiver.records) < len(sizes):
            await receiver.wait_for(lambda: len(receiver.acknowledge) > done)
            # A moment for more to be fetched than may be.
            await asyncio.sleep(0.005)
            for acknowledge in receiver.acknowledge[done:]:
                acknowledge()
                done += 1
    assert [(nbytes, records) for nbytes, records in most if nbytes > 100_000] == [(200_000, 1)] * 4
    assert max(records for _, records in most) >= 9
    assert len(receiver.records) == len(sizes)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_records_are_read(topics: Topics, codec: str):
    producer = AIOKafkaProducer(bootstrap_servers=topics.client.bootstrap_servers, compression_type=codec)
    await producer.start()
    await asyncio.gather(*[await producer.send(topics.input, b"%d" % i * 100, partition=0) for i in range(50)])
    await producer.stop()
    async with consuming(topics) as receiver:
        await receiver.wait_for(lambda: len(receiver.records) == 50)
    assert [record.value for record in receiver.records] == [b"%d" % i * 100 for i in range(50)]


@pytest.mark.needs_apache_kafka  # the embedded broker has no transactions
async def test_aborted_records_are_never_seen_and_markers_are_committed_past(topics: Topics):
    producer = AIOKafkaProducer(bootstrap_servers=topics.client.bootstrap_servers, transactional_id=topics.group)
    await producer.start()
    for value in (b"kept", b"dropped"):
        await producer.begin_transaction()
        for partition in range(4):
            await producer.send(topics.input, value, partition=partition)
        await (producer.commit_transaction() if value == b"kept" else producer.abort_transaction())
    await producer.stop()
    ends = await asyncio.to_thread(topics.client.end_offsets, topics.input)
    async with consuming(topics) as receiver:
        await wait_until_committed(topics, ends)
    assert [record.value for record in receiver.records] == [b"kept"] * 4
    assert set(ends.values()) == {4}


@pytest.mark.needs_apache_kafka  # the embedded broker has no transactions
async def test_who_holds_records_for_company_hears_that_what_was_fetched_is_none(topics: Topics):
    producer = AIOKafkaProducer(bootstrap_servers=topics.client.bootstrap_servers, transactional_id=topics.group)
    await producer.start()
    topics.client.write(topics.input, records(4))
    async with consuming(topics) as receiver:
        await receiver.wait_for(lambda: len(receiver.records) == 4)
        assert receiver.alone == 0
        await producer.begin_transaction()
        await producer.send_and_wait(topics.input, b"dropped", partition=0)
        await producer.abort_transaction()
        await wait_until_committed(topics, await asyncio.to_thread(topics.client.end_offsets, topics.input))
        assert receiver.alone >= 1  # the marker may come by itself
        assert len(receiver.records) == 4
    await producer.stop()


async def test_a_group_without_commits_starts_where_it_is_told(topics: Topics):
    topics.client.write(topics.input, records(8))
    async with consuming(topics, AUTO_OFFSET_RESET="latest") as receiver:
        # Only what comes after the start position was looked up is ours to see.
        await receiver.wait_for(lambda: _positions_known(receiver, topics))
        topics.client.write(topics.input, records(4))
        await receiver.wait_for(lambda: len(receiver.records) == 4)
    assert receiver.offsets == [(partition, 2) for partition in range(4)]


def _positions_known(receiver: Receiver, topics: Topics) -> bool:
    assignment = receiver.app.consumer._thread._ensure_consumer()._subscription.subscription.assignment
    states = [assignment.state_value(TopicPartition(topics.input, partition)) for partition in range(4)]
    return all(state.has_valid_position for state in states)


async def test_a_hole_between_chunks_stops_the_app_instead_of_being_skipped(topics: Topics):
    topics.client.write(topics.input, records(40))
    async with consuming(topics) as receiver:
        await receiver.wait_for(lambda: len(receiver.records) == 40)
        receiver.app.consumer.books.watermarks[TP(topics.input, 1)].position = 7
        topics.client.write(topics.input, records(40))
        await asyncio.wait_for(receiver.app.wait_until_stopped(), 30)
        assert isinstance(receiver.app.crash_reason, ChunkLost)
        assert "fetched offset 10, but 7 is next" in str(receiver.app.crash_reason)


@pytest.mark.needs_apache_kafka  # the embedded broker keeps all records
async def test_records_that_the_broker_has_deleted_are_told_of_and_the_rest_is_read(
    topics: Topics, caplog: pytest.LogCaptureFixture
):
    topics.client.write(topics.input, records(40))
    async with consuming(topics):
        await wait_until_committed(topics, dict.fromkeys(range(4), 10))
    topics.client.write(topics.input, records(40))
    topics.client.delete_records(topics.input, 1, 15)
    async with consuming(topics) as receiver:
        await receiver.wait_for(lambda: len(receiver.records) == 35)
        await wait_until_committed(topics, dict.fromkeys(range(4), 20))
    assert receiver.offsets == [(n, i) for n in range(4) for i in range(15 if n == 1 else 10, 20)]
    (told,) = [each for each in caplog.records if "no longer has what comes next" in each.message]
    assert (told.partition, told.wanted, told.next) == (1, 10, 15)


async def test_a_group_that_is_ahead_of_its_topic_reads_it_from_the_beginning(topics: Topics):
    topics.client.commit(topics.input, topics.group, dict.fromkeys(range(4), 100))
    topics.client.write(topics.input, records(8))
    async with consuming(topics) as receiver:
        await receiver.wait_for(lambda: len(receiver.records) == 8)
        await wait_until_committed(topics, dict.fromkeys(range(4), 2))
    assert receiver.offsets == [(partition, offset) for partition in range(4) for offset in range(2)]


async def test_an_exception_while_accepting_is_reported_and_nothing_is_acknowledged(topics: Topics):
    receiver = Receiver()
    receiver.accept = lambda chunk, acknowledge: 1 / 0  # type: ignore[method-assign]
    topics.client.write(topics.input, records(4))
    async with consuming(topics, receiver):
        await receiver.wait_for(lambda: len(receiver.failures) >= 1)
    assert isinstance(receiver.failures[0], ZeroDivisionError)
    assert await committed(topics) == {}


async def test_partitions_that_the_topic_gains_are_read(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("app.kafka.consuming.METADATA_MAX_AGE_MS", 500)
    async with consuming(topics) as receiver:
        topics.client.write(topics.input, records(4))
        await receiver.wait_for(lambda: len(receiver.records) == 4)
        topics.client.grow(topics.input, 6)
        writer = TopicClient(topics.client.broker)
        writer.write(topics.input, [Record(b"new", partition=5)])
        writer.close()
        await receiver.wait_for(lambda: (5, 0) in receiver.offsets)


async def test_faust_makes_no_topics_no_folders_and_no_web_server(
    topics: Topics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    before = set(topics.client.names())
    async with consuming(topics) as receiver:
        await receiver.wait_for(lambda: receiver.app.consumer.joined)
        fetcher = receiver.app.consumer._thread._ensure_consumer()._fetcher
        assert fetcher._fetch_max_wait_ms == FETCH_MAX_WAIT_MS
        assert receiver.app.producer._producer is None
        assert not receiver.app.conf.web_enabled
    assert [name for name in set(topics.client.names()) - before if topics.group in name] == []
    assert list(tmp_path.iterdir()) == []


def test_without_the_compiled_extension_the_start_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(conductor, "ConductorHandler", None)
    environ = {"KAFKA_BOOTSTRAP_SERVERS": "localhost:1", "INPUT_TOPIC": "a", "OUTPUT_TOPIC": "b", "MODEL_PATH": "m"}
    settings = load_settings(environ, env_file=None)
    with pytest.raises(StartFailed, match="compiled extensions"):
        make_app(settings.kafka, settings.batch, Receiver())

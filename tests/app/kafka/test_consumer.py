"""How partitions are opened, opened anew, and given up, on a real broker."""

import asyncio
import logging
import threading

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError
from faust.types import TP
from mode.threads import WorkerThread

from app.errors import ProducerLost
from tests.app.kafka.harness import Receiver, consuming
from tests.broker.records import Record
from tests.broker.topics import Topics


def write(topics: Topics, count: int, partitions: int = 4) -> None:
    topics.client.write(topics.input, [Record(b"%d" % i, partition=i % partitions) for i in range(count)])


async def committed(topics: Topics) -> dict[int, int]:
    return await asyncio.to_thread(topics.client.committed_offsets, topics.input, topics.group)


class Stubborn(Receiver):
    """Does not open partitions before it was asked so many times."""

    def __init__(self, error: Exception, times: int, partition: int = 1) -> None:
        super().__init__()
        self.refusals: dict[int, int] = {partition: times}
        self.error = error
        self.epochs: list[int] = []

    async def open_partition(self, tp: TP, epoch: int) -> None:
        self.epochs.append(epoch)
        if self.refusals.get(tp.partition, 0):
            self.refusals[tp.partition] -= 1
            raise self.error
        await super().open_partition(tp, epoch)


async def test_the_consumer_runs_on_the_event_loop_of_everybody(topics: Topics, caplog: pytest.LogCaptureFixture):
    async with consuming(topics) as receiver:
        await receiver.wait_for(lambda: receiver.app.chunk_consumer.joined)
        assert receiver.app.chunk_consumer._thread.thread_loop is asyncio.get_running_loop()
        assert not [each for each in threading.enumerate() if isinstance(each, WorkerThread)]
    assert not [each for each in caplog.records if each.name.startswith("faust") and each.levelno >= logging.WARNING]


async def test_a_partition_that_is_opened_anew_goes_on_from_what_is_committed_and_forgets_the_rest(topics: Topics):
    receiver = Receiver()
    receiver.acknowledge_at_once = False
    tp = TP(topics.input, 0)
    async with consuming(topics, receiver) as receiver:
        consumer = receiver.app.chunk_consumer
        write(topics, 40)
        await receiver.wait_for(lambda: len(receiver.records) == 40)
        for acknowledge in receiver.acknowledge:
            acknowledge()
        while (await committed(topics)).get(0) != 10:
            await asyncio.sleep(0.02)
        write(topics, 40)
        await receiver.wait_for(lambda: len(receiver.records) == 80)
        stale = [chunk for chunk in receiver.chunks if chunk.tp == tp and chunk.start >= 10]
        in_flight = receiver.app.in_flight.records
        seen = len(receiver.records)
        consumer.reopen(tp)
        assert receiver.app.in_flight.records == in_flight, "nothing is dropped before the opening begins"
        await receiver.wait_for(lambda: len(receiver.records) == seen + 10)
        assert consumer.opening == []
        # Acknowledging what was dropped changes nothing; the same records are in flight again.
        for chunk in stale:
            consumer.acknowledge(chunk)
        assert receiver.app.in_flight.records == in_flight
        assert consumer.books.watermarks[tp].committable() is None
        current = [chunk for chunk in receiver.chunks if consumer.is_current(chunk) and chunk.tp == tp]
        again = [record.offset for chunk in current for record in chunk]
        assert again == [*range(10, 20)]
        for acknowledge in receiver.acknowledge:
            acknowledge()
    assert await committed(topics) == dict.fromkeys(range(4), 20)
    assert (receiver.app.in_flight.records, receiver.app.in_flight.nbytes) == (0, 0)


async def test_a_partition_that_cannot_be_opened_yet_is_tried_again_and_holds_up_no_other(topics: Topics):
    receiver = Stubborn(ProducerLost("no broker"), times=10**6)
    write(topics, 40)
    async with consuming(topics, receiver):
        await receiver.wait_for(lambda: len(receiver.records) == 30)
        await receiver.wait_for(lambda: len(receiver.epochs) > 6)
        assert receiver.app.chunk_consumer.opening == [TP(topics.input, 1)]
        receiver.refusals.clear()
        await receiver.wait_for(lambda: len(receiver.records) == 40)
        assert receiver.app.chunk_consumer.opening == []
    assert len(set(receiver.epochs)) == len(receiver.epochs)
    assert receiver.failures == []


@pytest.mark.parametrize("reason", [GroupAuthorizationFailedError("group"), ValueError("a bug")])
async def test_a_partition_that_can_never_be_opened_is_a_failure(topics: Topics, reason: Exception):
    async with consuming(topics, Stubborn(reason, times=1)) as receiver:
        await receiver.wait_for(lambda: receiver.failures == [reason])


async def test_a_commit_that_cannot_be_read_now_is_read_later(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    from app.kafka.fetching import ChunkSource

    read, refusals = ChunkSource.committed_position, [GroupCoordinatorNotAvailableError()] * 3

    async def refused_at_first(self: ChunkSource, tp: TP) -> int:
        if refusals:
            raise refusals.pop()
        return await read(self, tp)

    monkeypatch.setattr(ChunkSource, "committed_position", refused_at_first)
    write(topics, 8)
    async with consuming(topics) as receiver:
        await receiver.wait_for(lambda: len(receiver.records) == 8)


async def test_a_rebalance_gives_up_an_opening_under_way(topics: Topics):
    receiver = Stubborn(ProducerLost("no broker"), times=10**6)
    async with consuming(topics, receiver):
        await receiver.wait_for(lambda: len(receiver.epochs) > 4)
        async with consuming(topics) as second:
            await second.wait_for(lambda: len(second.assigned) == 2)
            await receiver.wait_for(lambda: len(receiver.assigned) == 2)
            assert set(receiver.app.chunk_consumer.opening) <= receiver.assigned
    assert receiver.app.chunk_consumer.opening == []


async def test_whoever_asks_to_join_again_gets_partitions_anew_after_what_is_in_flight_was_finished(topics: Topics):
    receiver = Receiver()
    receiver.acknowledge_at_once = False
    receiver.acknowledge_on_revoke = True
    async with consuming(topics, receiver):
        write(topics, 40)
        await receiver.wait_for(lambda: len(receiver.records) == 40)
        receiver.app.chunk_consumer.rejoin()
        await receiver.wait_for(lambda: receiver.events.count("rebalanced") == 2)
        assert await committed(topics) == dict.fromkeys(range(4), 10)
        receiver.acknowledge_at_once = True
        write(topics, 40)
        await receiver.wait_for(lambda: len(receiver.records) == 80)
    assert receiver.offsets == [(partition, offset) for partition in range(4) for offset in range(20)]


async def test_a_group_that_begins_at_the_end_commits_that_so_that_no_successor_begins_later(topics: Topics):
    write(topics, 8)
    async with consuming(topics, AUTO_OFFSET_RESET="latest") as receiver:
        await receiver.wait_for(lambda: receiver.app.chunk_consumer.joined and not receiver.app.chunk_consumer.opening)
        assert await committed(topics) == dict.fromkeys(range(4), 2)
    write(topics, 4)
    async with consuming(topics, AUTO_OFFSET_RESET="latest") as receiver:
        await receiver.wait_for(lambda: len(receiver.records) == 4)
    assert receiver.offsets == [(partition, 2) for partition in range(4)]


@pytest.mark.needs_apache_kafka  # the embedded broker keeps all records
async def test_a_group_that_begins_at_the_end_does_not_skip_to_it_when_records_were_deleted(topics: Topics):
    write(topics, 40)
    topics.client.commit(topics.input, topics.group, dict.fromkeys(range(4), 2))
    topics.client.delete_records(topics.input, 1, 5)
    async with consuming(topics, AUTO_OFFSET_RESET="latest") as receiver:
        await receiver.wait_for(lambda: len(receiver.records) == 3 * 8 + 5)
    assert receiver.offsets == [(n, i) for n in range(4) for i in range(5 if n == 1 else 2, 10)]


@pytest.mark.needs_apache_kafka  # the embedded broker has no transactions
async def test_with_exactly_once_only_committed_records_are_read(topics: Topics):
    producer = AIOKafkaProducer(bootstrap_servers=topics.client.bootstrap_servers, transactional_id=topics.group)
    await producer.start()
    for value in (b"kept", b"dropped", b"kept", b"dropped"):
        await producer.begin_transaction()
        for partition in range(4):
            await producer.send(topics.input, value, partition=partition)
        await (producer.commit_transaction() if value == b"kept" else producer.abort_transaction())
    await producer.begin_transaction()
    await producer.send_and_wait(topics.input, b"open", partition=0)
    async with consuming(topics, PROCESSING_GUARANTEE="exactly_once") as receiver:
        await receiver.wait_for(lambda: len(receiver.records) == 8)
        assert {record.value for record in receiver.records} == {b"kept"}
        await producer.commit_transaction()
        await receiver.wait_for(lambda: len(receiver.records) == 9)
    await producer.stop()

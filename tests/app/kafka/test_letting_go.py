"""Letting partitions go: bounded, told truly, and nothing begins again behind its back; all without a broker."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError
from faust.types import TP

from app.errors import ProducerFenced, ProducerLost
from app.kafka.chunk import Chunk
from app.kafka.consumer import Consumer
from app.kafka.consuming import make_app
from app.standstill import awake
from config.settings import load_settings

OURS = TP("in", 0)
VARIABLES = {
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "INPUT_TOPIC": "in",
    "OUTPUT_TOPIC": "out",
    "MODEL_PATH": "model",
    "KAFKA_SESSION_TIMEOUT_MS": "1000",
}


class Listener:
    """Works on nothing; tells what it was asked."""

    def __init__(self) -> None:
        self.opened: list[int] = []
        self.failures: list[BaseException] = []
        self.opening: BaseException | None = None
        self.finished = True
        self.alone = 0
        self.revoking = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def open_partition(self, _tp: TP, epoch: int) -> None:
        self.opened.append(epoch)
        if self.opening is not None:
            raise self.opening

    def failed(self, error: BaseException) -> None:
        self.failures.append(error)

    def rebalanced(self) -> None:
        pass

    def nothing_comes(self) -> None:
        self.alone += 1

    async def partitions_revoked(self) -> bool:
        self.revoking.set()
        await self.may_go_on.wait()
        return self.finished


class Thread:
    """In the place of the one that talks to the broker."""

    membership: Any = None

    def __init__(self) -> None:
        self.commits: list[dict[TP, int]] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.cancelled = 0
        self.rejoined = 0
        self.begun: list[int] = []
        self.taken: list[Chunk] = []
        self.earliest: int | None = None
        self.asked = 0

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        self.commits.append(dict(offsets))
        try:
            await self.answers.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return True

    async def committed_position(self, _tp: TP) -> int:
        return 0

    async def take_chunks(self, room: Any, **_: Any) -> dict[TP, Chunk] | None:
        chunk = self.taken[0]
        if chunk.nbytes > room.nbytes and not room.empty:
            return None
        return {OURS: self.taken.pop(0)}

    async def earliest_offsets(self, *_tps: TP) -> Mapping[TP, int]:
        self.asked += 1
        if self.earliest is None:
            raise KafkaTimeoutError
        return {OURS: self.earliest}

    async def highwaters(self, *_tps: TP) -> Mapping[TP, int]:
        return {OURS: 100}

    def assignment(self) -> set[TP]:
        return {OURS}

    def begin(self, _tp: TP, position: int, _epoch: int) -> None:
        self.begun.append(position)

    def end(self, _tp: TP) -> None:
        pass

    def pause(self) -> None:
        pass

    def rejoin(self) -> None:
        self.rejoined += 1


class House:
    """A consumer with one partition, around parts that do as they are told."""

    def __init__(self, **variables: str) -> None:
        self.listener = Listener()
        self.thread = Thread()
        settings = load_settings(VARIABLES | variables, env_file=None)
        self.consumer: Consumer = make_app(settings.kafka, settings.batch, self.listener).chunk_consumer
        self.consumer._thread = self.thread  # type: ignore[assignment]

    async def assign(self) -> None:
        self.consumer._letting_go._work = None
        await self.consumer.perform_seek()
        await until(lambda: not self.consumer.opening)
        self.consumer.resume_flow()

    def chunk(self, start: int, nbytes: int = 1) -> Chunk:
        epoch = self.consumer.books.watermarks[OURS].epoch
        return Chunk([object()], tp=TopicPartition(*OURS), start=start, end=start + 1, nbytes=nbytes, epoch=epoch)

    async def commit_without_an_answer(self) -> "asyncio.Task[bool]":
        """Do a chunk and begin to commit it, which goes on until the thread `answers`."""
        await self.assign()
        self.hold(done=True)
        self.thread.answers.clear()
        committing = asyncio.create_task(self.consumer.commit())
        await until(lambda: self.thread.commits)
        return committing

    def hold(self, *, done: bool) -> Chunk:
        """Take a chunk into the books."""
        chunk = self.chunk(0)
        assert self.consumer._register(chunk)
        if done:
            self.consumer.acknowledge(chunk)
        return chunk


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def test_what_is_lost_while_partitions_are_let_go_is_not_opened_again():
    house = House(PROCESSING_GUARANTEE="exactly_once")
    await house.assign()
    house.listener.may_go_on.clear()
    house.listener.finished = False
    draining = asyncio.create_task(house.consumer.drain())
    await house.listener.revoking.wait()
    house.consumer.reopen(OURS)
    house.listener.may_go_on.set()
    assert await draining is False
    assert (len(house.listener.opened), house.consumer.opening, house.consumer.books.watermarks) == (1, [], {})


async def test_whoever_asks_again_is_told_what_the_first_one_came_to():
    house = House()
    await house.assign()
    house.hold(done=True)
    house.listener.may_go_on.clear()
    house.listener.finished = False
    first = asyncio.create_task(house.consumer.drain())
    await house.listener.revoking.wait()
    second = asyncio.create_task(house.consumer.drain(for_good=True))
    house.listener.may_go_on.set()
    assert (await first, await second, await house.consumer.drain()) == (False, False, False)
    assert house.thread.commits == [{OURS: 1}]


async def test_a_commit_that_is_never_answered_is_given_up_and_not_sent_later():
    house = House()
    periodic = await house.commit_without_an_answer()
    async with asyncio.timeout(10):
        assert await house.consumer.drain() is False
    assert not await periodic
    assert (len(house.thread.commits), house.thread.cancelled) == (1, 1)


async def test_the_last_commit_follows_one_that_is_under_way():
    house = House()
    periodic = await house.commit_without_an_answer()
    second = house.chunk(1)
    house.consumer._register(second)
    house.consumer.acknowledge(second)
    draining = asyncio.create_task(house.consumer.drain())
    await house.listener.revoking.wait()
    house.thread.answers.set()
    assert await draining is True
    await periodic
    assert house.thread.commits == [{OURS: 1}, {OURS: 2}]


async def test_an_assignment_that_comes_late_or_while_leaving_begins_nothing():
    house = House()
    await house.assign()
    await house.consumer.drain()
    await house.consumer.perform_seek()
    house.consumer.resume_flow()
    assert (house.consumer.assigned, house.consumer.flow_active, house.consumer.joined) == (set(), False, False)
    await house.assign()
    assert house.consumer.flow_active
    await house.consumer.drain(for_good=True)
    await house.consumer.on_partitions_assigned({OURS})
    await house.consumer.perform_seek()
    house.consumer.resume_flow()
    assert (house.consumer.assigned, house.consumer.flow_active) == (set(), False)


async def test_nothing_is_opened_while_the_group_may_have_given_it_to_others(caplog: pytest.LogCaptureFixture):
    house = House()
    house.thread.membership = Listener()
    house.thread.membership.heard_at = awake() - 2
    await house.consumer.perform_seek()
    await until(lambda: any("has not answered for 2 s" in getattr(each, "error", "") for each in caplog.records))
    assert house.listener.opened == []
    house.thread.membership.heard_at = awake()
    await until(lambda: house.listener.opened)


async def test_whoever_is_fenced_while_opening_joins_the_group_again():
    house = House()
    house.listener.opening = ProducerFenced("somebody else was faster")
    await house.consumer.perform_seek()
    await until(lambda: house.thread.rejoined)
    assert (house.thread.rejoined, len(house.listener.opened), house.listener.failures) == (1, 1, [])


async def test_what_cannot_be_opened_now_is_tried_again_soon():
    house = House()
    house.listener.opening = ProducerLost("no broker")
    await house.consumer.perform_seek()
    await until(lambda: len(house.listener.opened) > 2)
    house.listener.opening = None
    await until(lambda: house.thread.begun)
    assert house.consumer.books.watermarks[OURS].epoch == house.listener.opened[-1]


async def test_room_that_was_made_while_more_was_waited_for_is_used_at_once():
    house = House(IN_FLIGHT_MAX_BYTES="1000000", PROCESSING_GUARANTEE="exactly_once")
    await house.assign()
    house.thread.taken = [house.chunk(start, nbytes=600_000) for start in range(6)]
    # Each is done half a millisecond after it came, as a small batch is; for want of room none waits.
    async with asyncio.timeout(10):
        while house.thread.taken:
            for chunk in (await house.consumer._getmany(None, 30.0)).values():
                asyncio.get_running_loop().call_later(0.0005, house.consumer.acknowledge, chunk)


async def test_whoever_holds_records_back_is_told_when_no_more_will_come():
    house = House(IN_FLIGHT_MAX_BYTES="1000000", PROCESSING_GUARANTEE="exactly_once")
    await house.assign()
    house.thread.taken = [house.chunk(0, nbytes=600_000), house.chunk(1, nbytes=600_000), house.chunk(2)]
    assert await house.consumer._getmany(None, 0.01)
    assert house.listener.alone == 0
    assert await house.consumer._getmany(None, 0.01) == {}, "the next one is too large for the room"
    assert house.listener.alone == 1
    assert house.consumer._register(house.thread.taken.pop(0))
    assert await house.consumer._getmany(None, 0.01) == {}, "there is no room at all"
    assert house.listener.alone == 2
    many = House()
    await many.assign()
    many.consumer._pace.began(100_000)
    assert await many.consumer._getmany(None, 0.01) == {}, "there is room, and more than enough in the works"
    assert many.listener.alone == 1


async def test_a_gap_is_asked_about_until_the_broker_answers_or_the_partition_goes():
    house = House()
    await house.assign()
    chunk = house.chunk(5)
    house.thread.taken = [chunk]
    taking = asyncio.create_task(house.consumer._getmany(None, 1.0))
    await until(lambda: house.thread.asked > 2)
    house.thread.earliest = 5
    assert await taking == {OURS: chunk}
    house.thread.earliest = None
    house.thread.taken = [house.chunk(9)]
    taking = asyncio.create_task(house.consumer._getmany(None, 1.0))
    await until(lambda: house.thread.asked > 6)
    await house.consumer.drain()
    assert await taking == {}

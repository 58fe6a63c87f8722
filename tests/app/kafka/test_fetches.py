"""Fetches: when they are sent, what ends the wait for them, and what becomes of those that go wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError

from app.kafka.fetches import Fetches
from tests.app.kafka.harness import consuming
from tests.broker.records import Record
from tests.broker.topics import Topics


class Fetching(NamedTuple):
    """A consumer whose records nobody takes but the test."""

    consumer: Any
    fetches: Fetches
    sent: list[Any]

    @property
    def fetched(self) -> set[TopicPartition]:
        return set(self.consumer._fetcher._records)

    async def assign(self, *partitions: TopicPartition) -> None:
        self.consumer.assign(partitions)
        client = self.consumer._client
        while any(client.cluster.leader_for_partition(tp) is None for tp in partitions):
            await client.force_metadata_update()
        await self.fetches.renew(self.consumer._subscription.subscription.assignment)
        for tp in partitions:
            self.consumer._fetcher.seek_to(tp, 0)

    async def until_fetched(self, tp: TopicPartition) -> None:
        async with asyncio.timeout(30):
            while tp not in self.fetched:
                await self.fetches.answered(10)


@asynccontextmanager
async def fetching(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Fetching]:
    consumer = AIOKafkaConsumer(bootstrap_servers=topics.client.bootstrap_servers, fetch_max_wait_ms=20_000)
    await consumer.start()
    sent: list[Any] = []
    send = consumer._fetcher._proc_fetch_request

    def noted(assignment: Any, node: int, request: Any) -> Any:
        sent.append(request)
        return send(assignment, node, request)

    monkeypatch.setattr(consumer._fetcher, "_proc_fetch_request", noted)
    # What ends a wait here is what the test does.
    consumer._fetcher._fetcher_timeout = consumer._fetcher._prefetch_backoff = 60
    fetches = Fetches(consumer._fetcher)
    try:
        yield Fetching(consumer, fetches, sent)
    finally:
        async with asyncio.timeout(30):
            await fetches.stop()
            with suppress(asyncio.CancelledError):  # aiokafka's own, for want of a group
                await consumer.stop()
            await consumer._client.close()


async def soon(what: Awaitable[None]) -> None:
    """Wait for *what*, by far less than any time limit that is set here."""
    async with asyncio.timeout(10):
        await what


async def test_a_fetch_is_sent_when_it_is_asked_for_and_to_a_broker_one_at_a_time(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    tp, other = TopicPartition(topics.input, 0), TopicPartition(topics.input, 1)
    async with fetching(topics, monkeypatch) as it:
        await it.assign(tp, other)
        assert it.sent == []
        it.fetches.ask()
        it.fetches.ask()
        assert len(it.sent) == 1
        await asyncio.to_thread(topics.client.write, topics.input, [Record(b"one", partition=0)])
        await it.until_fetched(tp)
        it.fetches.ask()
        sent = len(it.sent)
        del it.consumer._fetcher._records[tp]
        it.fetches.ask()
        assert len(it.sent) == sent + 1


async def test_a_position_that_is_set_ends_the_wait_and_is_asked_for_next(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    tp = TopicPartition(topics.input, 0)
    await asyncio.to_thread(topics.client.write, topics.input, [Record(b"one", partition=0), Record(b"2", partition=0)])
    async with fetching(topics, monkeypatch) as it:
        await it.assign(tp)
        await it.until_fetched(tp)
        # There is something to take, so nothing is asked for.
        waiting = asyncio.create_task(it.fetches.answered(60))
        await asyncio.sleep(0)
        it.consumer._fetcher.seek_to(tp, 1)
        await soon(waiting)
        await it.until_fetched(tp)
        assert [offset for _, ((_, offset, _),) in it.sent[-1].topics] == [1]


async def test_another_assignment_ends_the_wait_and_nothing_of_the_old_one_is_left(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    tp, other = TopicPartition(topics.input, 0), TopicPartition(topics.input, 1)
    await asyncio.to_thread(topics.client.write, topics.input, [Record(b"one", partition=0)])
    async with fetching(topics, monkeypatch) as it:
        await it.assign(tp)
        await it.until_fetched(tp)
        del it.consumer._fetcher._records[tp]
        it.consumer._subscription.subscription.assignment.state_value(tp).consumed_to(1)
        waiting = asyncio.create_task(it.fetches.answered(60))
        await asyncio.sleep(0)
        assert len(it.sent) == 2
        it.consumer.assign([other])
        await soon(waiting)
        await it.assign(other)
        assert it.fetched == set()
        assert it.consumer._fetcher._in_flight == set()
        await asyncio.to_thread(topics.client.write, topics.input, [Record(b"two", partition=1)])
        await it.until_fetched(other)
        assert it.fetched == {other}


async def test_what_fails_the_group_is_raised_to_who_waits(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    async with fetching(topics, monkeypatch) as it:
        await it.assign(TopicPartition(topics.input, 0))
        waiting = asyncio.create_task(it.fetches.answered(60))
        await asyncio.sleep(0)
        for waiter in it.consumer._fetcher._fetch_waiters:
            waiter.set_exception(GroupAuthorizationFailedError("g"))
        with pytest.raises(GroupAuthorizationFailedError):
            await soon(waiting)


async def test_a_mistake_in_a_fetch_is_raised_at_the_next_one(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    async def broken(*_: object) -> bool:
        raise ZeroDivisionError("a mistake")

    async with fetching(topics, monkeypatch) as it:
        await it.assign(TopicPartition(topics.input, 0))
        it.consumer._fetcher._proc_fetch_request = broken
        await soon(it.fetches.answered(60))
        with pytest.raises(ZeroDivisionError):
            await soon(it.fetches.answered(60))


async def test_after_the_stop_nothing_is_sent(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    async with fetching(topics, monkeypatch) as it:
        await it.assign(TopicPartition(topics.input, 0))
        it.fetches.ask()
        await it.fetches.stop()
        it.fetches.ask()
        assert len(it.sent) == 1
        assert it.consumer._fetcher._in_flight == set()


async def test_it_waits_no_longer_than_it_is_told(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    async with fetching(topics, monkeypatch) as it:
        await it.assign(TopicPartition(topics.input, 0))
        await soon(it.fetches.answered(0.01))
        assert it.fetched == set()
        assert not it.consumer._fetcher._fetch_waiters


async def test_a_broker_that_refuses_at_once_is_left_alone_for_a_moment(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    async def refused(*_: object) -> bool:
        return False

    async with fetching(topics, monkeypatch) as it:
        await it.assign(TopicPartition(topics.input, 0))
        it.consumer._fetcher._proc_fetch_request = refused
        clock = asyncio.get_running_loop().time
        began = clock()
        for _ in range(5):
            await soon(it.fetches.answered(60))
        assert clock() - began >= 5 * 0.02


async def test_where_nobody_leads_a_partition_that_is_asked_about_in_moderation(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    asked: list[asyncio.Future[bool]] = []

    def nobody() -> asyncio.Future[bool]:
        asked.append(asyncio.get_running_loop().create_future())
        asked[-1].set_result(True)
        return asked[-1]

    async with fetching(topics, monkeypatch) as it:
        await it.assign(TopicPartition(topics.input, 0))
        monkeypatch.setattr(it.consumer._client.cluster, "leader_for_partition", lambda _: -1)
        monkeypatch.setattr(it.consumer._client, "force_metadata_update", nobody)
        clock = asyncio.get_running_loop().time
        began = clock()
        for _ in range(3):
            await soon(it.fetches.answered(60))
        assert len(asked) == 3
        assert clock() - began >= 3 * it.consumer._fetcher._retry_backoff


@pytest.mark.parametrize(("records", "asked_ahead"), [(3, False), (600, True)])
async def test_more_is_asked_for_ahead_only_where_much_was_taken(
    topics: Topics, monkeypatch: pytest.MonkeyPatch, records: int, asked_ahead: bool
):
    ahead: list[bool] = []
    ask, answered = Fetches.ask, Fetches.answered

    def noted(self: Fetches) -> float:
        ahead.append(not waiting)
        return ask(self)

    async def noting(self: Fetches, timeout_seconds: float) -> None:
        waiting.append(self)
        try:
            await answered(self, timeout_seconds)
        finally:
            waiting.pop()

    waiting: list[Fetches] = []
    monkeypatch.setattr(Fetches, "ask", noted)
    monkeypatch.setattr(Fetches, "answered", noting)
    await asyncio.to_thread(
        topics.client.write, topics.input, [Record(b"%d" % number, partition=0) for number in range(records)]
    )
    async with consuming(topics) as receiver:
        await receiver.wait_for(lambda: len(receiver.records) == records)
    assert any(ahead) is asked_ahead

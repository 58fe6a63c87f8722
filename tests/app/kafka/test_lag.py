"""How far the service is behind, on real brokers."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from app.kafka.lag import LagWatch
from app.kafka.watermark import Watermark
from app.serving import Serving
from tests.app.chunks import TOPIC, chunk, record
from tests.app.kafka.harness import Receiver, consuming
from tests.broker.records import Record
from tests.broker.topics import Topics, fresh_topics


class Board:
    """Shows the lag of each partition as `(records, seconds)`."""

    def __init__(self) -> None:
        self.shown: dict[int, tuple[int, float]] = {}
        self.looks = 0

    def lag(self, topic: str, partition: int, records: int, seconds: float) -> None:
        self.shown[partition] = records, seconds
        self.looks += 1

    def forget_lag(self, topic: str, partition: int) -> None:
        del self.shown[partition]


@asynccontextmanager
async def watching(consumer: Any, board: Board, clock: Any = time.time, topic: str = TOPIC) -> AsyncIterator[LagWatch]:

    def ends(tps: Iterable[TP]) -> Awaitable[Mapping[TP, int]]:
        return consumer.highwaters(*tps)

    watch = LagWatch(consumer, ends, topic, board, clock)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        while not task.done():  # Python 3.11 may overlook a cancellation during asyncio.wait_for
            task.cancel()
            await asyncio.wait([task], timeout=1)
        assert task.cancelled(), task.exception()


async def until(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.kafka.lag.INTERVAL_SECONDS", 0.01)


@pytest.fixture(params=["kafka", "tansu"])
def any_topics(request: pytest.FixtureRequest) -> Iterator[Topics]:
    with fresh_topics(request.getfixturevalue(request.param), partitions=2) as topics:
        yield topics


def write(topics: Topics, partition: int, count: int, *, seconds_ago: float = 0) -> None:
    """Each record in a batch of its own: asked for end offsets, the embedded broker counts the last as one record."""
    timestamp = int((time.time() - seconds_ago) * 1000)
    for _ in range(count):
        topics.client.write(topics.input, [Record(b"v", partition=partition, timestamp=timestamp)])


async def test_what_is_fetched_and_not_acknowledged_is_lag_as_old_as_its_oldest_record(any_topics: Topics):
    receiver, board = Receiver(), Board()
    receiver.acknowledge_at_once = False
    write(any_topics, 0, 1, seconds_ago=100)
    write(any_topics, 0, 4, seconds_ago=50)
    write(any_topics, 1, 2, seconds_ago=10)
    async with consuming(any_topics, receiver):
        await receiver.wait_for(lambda: len(receiver.records) == 7)
        async with watching(receiver.app.chunk_consumer, board):
            await until(lambda: len(board.shown) == 2)
            assert [board.shown[partition][0] for partition in (0, 1)] == [5, 2]
            assert 100 <= board.shown[0][1] < 130
            assert 10 <= board.shown[1][1] < 40
            for acknowledge in receiver.acknowledge:
                acknowledge()
            await until(lambda: board.shown == {0: (0, 0.0), 1: (0, 0.0)})


async def test_the_lag_grows_on_while_nothing_is_fetched(topics: Topics):
    receiver, board = Receiver(), Board()
    receiver.acknowledge_at_once = False
    now = time.time()
    write(topics, 0, 1)
    async with consuming(topics, receiver, IN_FLIGHT_MAX_RECORDS="1", BATCH_MAX_SIZE="1"):
        await receiver.wait_for(lambda: len(receiver.records) == 1)
        async with watching(receiver.app.chunk_consumer, board, lambda: now):
            await until(lambda: 0 in board.shown)
            assert board.shown[0][0] == 1
            write(topics, 0, 3)
            await until(lambda: board.shown[0][0] == 4)
            now += 1000
            await until(lambda: board.shown[0][1] >= 990)
            now += 1000
            await until(lambda: board.shown[0][1] >= 1990)
            assert len(receiver.records) == 1
            assert receiver.app.in_flight.room() is None


async def test_partitions_that_nobody_leads_are_named_and_hold_up_no_other():
    known = {TP(TOPIC, 0): 10, TP(TOPIC, 1): 10}
    books = SimpleNamespace(watermarks={})
    consumer: Any = SimpleNamespace(assigned=set(known), books=books, done_up_to=lambda _: 8)

    async def ends(tps: Iterable[TP]) -> Mapping[TP, int]:
        assert set(tps) == consumer.assigned
        return known

    board = Board()
    now = 1000.0
    watch = LagWatch(consumer, ends, TOPIC, board, lambda: now)
    await watch._look()
    assert (board.shown, watch.leaderless) == ({0: (2, 0.0), 1: (2, 0.0)}, [])
    known = {TP(TOPIC, 1): 11}
    now += 5
    await watch._look()
    assert (board.shown, watch.leaderless) == ({0: (2, 5.0), 1: (3, 5.0)}, [TP(TOPIC, 0)])
    serving: Any = Serving(
        consumer=SimpleNamespace(joined=True, opening=[], app=SimpleNamespace(in_flight=SimpleNamespace(records=0))),
        pipeline=SimpleNamespace(trouble=None),
        scorer=SimpleNamespace(trouble=None),
        lag=watch,
        topics=SimpleNamespace(trouble=None),
    )
    assert serving.trouble == f"no broker leads {TOPIC}[0]"
    # Others are watched all the same; what nobody leads is nothing to work on.
    assert (serving.broker_trouble, serving.waits) == (None, True)
    known = {TP(TOPIC, 1): 8}
    await watch._look()
    assert not serving.waits
    consumer.assigned = {TP(TOPIC, 1)}
    await watch._look()
    assert (watch.leaderless, serving.trouble) == ([], None)


async def test_every_look_tells_the_age_of_the_oldest_record_that_waits_anywhere():
    waits = asyncio.Event()
    told: list[float] = []
    ages = {0: 990.0, 1: 970.0}
    marks = {TP(TOPIC, each): SimpleNamespace(oldest_timestamp=seconds * 1000) for each, seconds in ages.items()}
    consumer: Any = SimpleNamespace(
        assigned=set(marks), books=SimpleNamespace(watermarks=marks), done_up_to=lambda _: 8
    )

    async def ends(tps: Iterable[TP]) -> Mapping[TP, int]:
        return dict.fromkeys(tps, 10)

    def on_look(seconds: float) -> None:
        told.append(seconds)
        if len(told) == 1:
            consumer.assigned = set()
        else:
            waits.set()

    watch = asyncio.create_task(LagWatch(consumer, ends, TOPIC, Board(), lambda: 1000.0, on_look=on_look).run())
    async with asyncio.timeout(30):
        await waits.wait()
    watch.cancel()
    assert told[:2] == [30.0, 0.0]


async def test_how_old_what_waits_is_is_not_known_before_it_was_fetched():
    here, there = TP(TOPIC, 0), TP(TOPIC, 1)
    fetched = SimpleNamespace(oldest_timestamp=999_000)
    books = SimpleNamespace(watermarks={here: fetched, there: SimpleNamespace(oldest_timestamp=None)})
    done = {here: 8, there: 8}
    consumer: Any = SimpleNamespace(assigned=set(done), books=books, done_up_to=done.get)

    async def ends(tps: Iterable[TP]) -> Mapping[TP, int]:
        return dict.fromkeys(tps, end)

    end = 10
    watch = LagWatch(consumer, ends, TOPIC, Board(), lambda: 1000.0)
    serving: Any = Serving(consumer=consumer, pipeline=None, scorer=None, lag=watch, topics=None)  # type: ignore[arg-type]
    assert not watch.is_known
    await watch._look()
    assert not watch.is_known
    assert not serving.in_step(2.0)
    books.watermarks[there] = fetched
    await watch._look()
    assert watch.is_known
    assert [serving.in_step(seconds) for seconds in (1.0, 2.0)] == [False, True]
    books.watermarks = {}
    done |= {here: 10, there: 10}
    await watch._look()
    assert watch.is_known
    assert serving.in_step(0.1)
    # What nobody has fetched, and was not there a look before, has not waited for longer than that.
    end = 12
    await watch._look()
    assert watch.is_known
    assert serving.in_step(0.1)
    end = 14
    done[here] = 11
    await watch._look()
    assert not watch.is_known


async def test_a_restarted_group_lags_from_its_commit_on(topics: Topics):
    write(topics, 0, 3)
    async with consuming(topics) as first:
        await first.wait_for(lambda: len(first.records) == 3)
    write(topics, 0, 2)
    receiver, board = Receiver(), Board()
    receiver.acknowledge_at_once = False
    async with consuming(topics, receiver):
        await receiver.wait_for(lambda: len(receiver.records) == 2)
        async with watching(receiver.app.chunk_consumer, board) as watch:
            await until(lambda: 0 in board.shown)
            lag = watch.partitions[TP(topics.input, 0)]
            assert (lag.done, lag.end, lag.records) == (3, 5, 2)


async def test_a_group_that_starts_at_the_end_does_not_lag(topics: Topics):
    write(topics, 0, 3)
    board = Board()
    async with consuming(topics, AUTO_OFFSET_RESET="latest") as receiver:
        async with watching(receiver.app.chunk_consumer, board, topic=topics.input):
            await until(lambda: len(board.shown) == 4)
            assert board.shown == dict.fromkeys(range(4), (0, 0.0))


async def test_partitions_that_went_to_somebody_else_are_not_shown_any_more(topics: Topics):
    first, second, board = Receiver(), Receiver(), Board()
    async with consuming(topics, first), watching(first.app.chunk_consumer, board, topic=topics.input) as watch:
        await until(lambda: len(board.shown) == 4)
        async with consuming(topics, second):
            await first.wait_for(lambda: first.events.count("rebalanced") == 2)
            await until(lambda: board.shown.keys() == {tp.partition for tp in first.assigned})
            assert {tp.partition for tp in watch.partitions} == board.shown.keys()
            assert len(board.shown) == 2


class Book:
    """A consumer's books, with a broker that answers or does not."""

    def __init__(self, watermark: Watermark, *, committed: int | None, end: int) -> None:
        self.tp = TP(TOPIC, 0)
        self.assigned = {self.tp}
        self.books = SimpleNamespace(watermarks={self.tp: watermark})
        self.committed = committed
        self.end = end
        self.answers = True

    def done_up_to(self, tp: TP) -> int | None:
        return self.committed

    async def highwaters(self, *tps: TP) -> dict[TP, int]:
        if tps and not self.answers:  # asked for nothing, a consumer asks nobody
            raise ConnectionError("no broker")
        return dict.fromkeys(tps, self.end)


async def test_without_an_answer_the_last_figures_stay_and_grow_older():
    now = 1_700_000_010.0
    watermark = Watermark(0)
    watermark.fetched(chunk(record(0, timestamp=1_700_000_000_000)))
    book, board = Book(watermark, committed=0, end=5), Board()
    async with watching(book, board, lambda: now) as watch:
        await until(lambda: board.shown == {0: (5, 10.0)})
        book.answers = False
        now += 90
        await until(lambda: board.shown == {0: (5, 100.0)})
        before, looks = watch.silent_seconds, board.looks
        await until(lambda: board.looks > looks + 2)
        assert watch.silent_seconds > before > 0
        book.answers = True
        await until(lambda: watch.silent_seconds < before)


async def test_a_broker_that_does_not_answer_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("app.kafka.lag.ANSWER_SECONDS", 0.01)
    book, board = Book(Watermark(0), committed=0, end=3), Board()
    async with watching(book, board):
        await until(lambda: board.shown == {0: (3, board.shown[0][1])} if board.shown else False)
        monkeypatch.setattr(book, "highwaters", lambda *_: asyncio.sleep(3600))
        looks = board.looks
        await until(lambda: board.looks > looks + 2)


@asynccontextmanager
async def never_fetched_and_first_seen_seven_seconds_ago() -> AsyncIterator[tuple[Book, Board]]:
    """A watch on three waiting records."""
    now = 1_700_000_010.0
    book, board = Book(Watermark(0), committed=0, end=3), Board()
    async with watching(book, board, lambda: now):
        await until(lambda: board.shown == {0: (3, 0.0)})
        now += 7
        yield book, board


async def test_records_that_were_never_fetched_are_as_old_as_the_first_sight_of_them():
    async with never_fetched_and_first_seen_seven_seconds_ago() as (_, board):
        await until(lambda: board.shown == {0: (3, 7.0)})


async def test_a_stream_that_is_kept_up_with_does_not_grow_older():
    """At every look some records are acknowledged and not committed yet, as under steady traffic."""
    now = 1_700_000_000.0
    watermark = Watermark(0)
    book, board = Book(watermark, committed=0, end=0), Board()
    async with watching(book, board, lambda: now):
        for second in range(30):
            taken = chunk(record(second, timestamp=int(now * 1000)))
            taken.acknowledged = True
            watermark.committed(second)
            watermark.fetched(taken)
            book.committed, book.end = second, second + 1
            await until(lambda: board.shown == {0: (1, 0.0)})
            now += 1
            await until(lambda: board.shown == {0: (1, 1.0)})


async def test_records_that_wait_one_after_the_other_are_not_taken_for_one_that_waits_all_the_time():
    async with never_fetched_and_first_seen_seven_seconds_ago() as (book, board):
        await until(lambda: board.shown == {0: (3, 7.0)})
        book.committed, book.end = 2, 5
        await until(lambda: board.shown == {0: (3, 0.0)})


async def test_without_a_partition_the_broker_is_asked_all_the_same():
    book, board = Book(Watermark(0), committed=0, end=3), Board()
    book.assigned = set()
    book.books.watermarks = {}
    async with watching(book, board) as watch:
        before = watch.answered_at
        await until(lambda: watch.answered_at > before)
        book.answers = False
        answered = watch.answered_at
        await until(lambda: watch.silent_seconds > 0.1)
        assert watch.answered_at <= answered + 0.1
        assert (board.shown, watch.partitions) == ({}, {})


async def test_a_broker_that_counts_less_than_is_committed_makes_no_negative_lag():
    book, board = Book(Watermark(0), committed=7, end=5), Board()
    async with watching(book, board):
        await until(lambda: board.shown == {0: (0, 0.0)})

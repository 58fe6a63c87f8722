"""When records are written, and what becomes of them."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from app.records import Outgoing
from app.replay.feeding import AsItWas, Fed, Feeder, Steady
from app.replay.recorded import Recorded


def recorded(number: int, at_ms: float | None = None, partition: int | None = None) -> Recorded:
    return Recorded(at_ms, partition, Outgoing(None, b"%d" % number, []))


def test_as_it_was_is_as_far_apart_as_then() -> None:
    pace = AsItWas(2)
    times = [5000, 6000, None, 5500, 9000]
    assert [pace.due(recorded(0, at)) for at in times] == [0, 0.5, 0.5, 0.5, 2.0]


def test_steady_is_so_many_a_second() -> None:
    pace = Steady(4)
    assert [pace.due(recorded(0, 77)) for _ in range(3)] == [0, 0.25, 0.5]
    assert [Steady(None).due(recorded(0)) for _ in range(2)] == [0, 0]


class Topic:
    """Where records go, and when they came."""

    def __init__(self, refuses: int = 0, error: Exception | None = None) -> None:
        self.came: list[tuple[float, int | None, bytes | None]] = []
        self.refuses = refuses
        self.error = error

    async def __call__(self, source: int | None, records: list[Outgoing]) -> int:
        if self.error:
            raise self.error
        self.came += [(time.monotonic(), source, record.value) for record in records]
        return self.refuses


async def run(
    records: list[Recorded], pace: Any, topic: Topic, *, stop: asyncio.Event | None = None, end: Any = None
) -> Fed:
    async def found() -> AsyncGenerator[Recorded, None]:
        for each in records:
            yield each
        if end is not None:
            await end()

    feeder = Feeder(topic, stop or asyncio.Event(), moved=lambda _: None)
    await asyncio.wait_for(feeder.run(found(), pace), 30)
    return feeder.fed


async def test_records_are_written_in_their_order_and_not_before_they_are_due() -> None:
    topic, began = Topic(), time.monotonic()
    fed = await run([recorded(number, 1000 + 40 * (number // 2), number % 2) for number in range(8)], AsItWas(1), topic)
    assert (fed.written, fed.refused) == (8, 0)
    assert sorted(value for _, _, value in topic.came) == [b"%d" % number for number in range(8)]
    for partition in (0, 1):
        mine = [(at, value) for at, source, value in topic.came if source == partition]
        assert [value for _, value in mine] == [b"%d" % number for number in range(partition, 8, 2)]
        for place, (at, _) in enumerate(mine):
            assert at - began >= 0.04 * place


async def test_many_go_together_when_they_are_due_together() -> None:
    topic = Topic(refuses=1)
    fed = await run([recorded(number) for number in range(1200)], Steady(None), topic)
    assert [value for _, _, value in topic.came] == [b"%d" % number for number in range(1200)]
    assert (fed.refused, fed.written) == (3, 1197)


async def test_what_is_due_does_not_wait_for_what_comes_next() -> None:
    topic, more = Topic(), asyncio.Event()

    async def later() -> None:
        while len(topic.came) < 3:
            await asyncio.sleep(0.001)
        more.set()

    assert (await run([recorded(number) for number in range(3)], Steady(None), topic, end=later)).written == 3
    assert more.is_set()


async def test_a_stop_ends_it_at_once_and_leaves_what_is_not_due() -> None:
    topic, stop = Topic(), asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, stop.set)
    fed = await run([recorded(0, 0), recorded(1, 3_600_000)], AsItWas(1), topic, stop=stop)
    assert (fed.written, [value for _, _, value in topic.came]) == (1, [b"0"])


async def test_what_fails_is_told_after_all_that_came_before() -> None:
    async def broken() -> None:
        raise OSError("gone")

    topic = Topic()
    with pytest.raises(OSError, match="gone"):
        await run([recorded(0), recorded(1)], Steady(None), topic, end=broken)
    assert len(topic.came) == 2
    with pytest.raises(RuntimeError, match="refused"):
        await run([recorded(0)], Steady(None), Topic(error=RuntimeError("refused")))


class Silent(Topic):
    """A broker that never confirms."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def __call__(self, source: int | None, records: list[Outgoing]) -> int:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError


async def test_whoever_stops_it_does_not_wait_for_a_broker_that_never_confirms() -> None:
    stop, topic = asyncio.Event(), Silent()
    running = asyncio.create_task(run([recorded(1)], Steady(None), topic, stop=stop))
    await topic.asked.wait()
    stop.set()
    assert (await running).written == 0


async def test_a_broker_that_confirms_nothing_for_too_long_ends_it() -> None:
    async def found() -> AsyncGenerator[Recorded, None]:
        yield recorded(1)

    feeder = Feeder(Silent(), asyncio.Event(), moved=lambda _: None, patience_seconds=0.01)
    with pytest.raises(TimeoutError, match="no broker has confirmed a record for 0 s"):
        await asyncio.wait_for(feeder.run(found(), Steady(None)), 30)

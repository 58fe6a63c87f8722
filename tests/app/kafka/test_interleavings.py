"""Thousands of histories of producers, with requests that are lost, late or refused and workers that come and go."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest
from aiokafka import TopicPartition
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.errors import ProducerFenced, ProducerLost
from app.kafka.idempotent import IdempotentProducer
from app.kafka.producer import Refusal
from app.kafka.transactional import TransactionalProducer
from app.records import Outgoing
from tests.app.kafka.paper_broker import REFUSED, PaperBroker, Script

# Cutting off its end makes a history simpler; single bytes are for the last touches.
TEXT = st.one_of(
    st.builds(lambda seed, length: random.Random(seed).randbytes(1500)[:length], st.integers(0), st.integers(0, 1500)),
    st.binary(max_size=1500),
)
OUTPUT = "out"


@pytest.fixture(autouse=True, scope="module")
def _without_pauses() -> Iterator[None]:
    """Nobody waits before trying again; the broker makes the time pass that histories need."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("identity", "idempotent", "transactional"):
            patch.setattr(f"app.kafka.{module}.endless_pauses", lambda *_: itertools.repeat(0.0))
        patch.setattr("app.kafka.batch.BATCH_BYTES", 90)  # two or three records
        yield


def records(values: list[bytes]) -> list[Outgoing]:
    return [Outgoing(None, value, []) for value in values]


def numbers(values: list[bytes]) -> list[int]:
    return [int(value) for value in values]


def run(history: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(history, 60))


class Owner:
    """Works one input partition off, as a worker does: from what is committed on, until it is fenced."""

    def __init__(self, broker: PaperBroker, script: Script, *, source: int, output: int, end: int) -> None:
        self._broker = broker
        self._script = script
        self._source = source
        self._output = output
        self._end = end
        self._producer = TransactionalProducer(broker, group="g", source=TopicPartition("in", source), hold_seconds=0)

    @property
    def done(self) -> int:
        return self._broker.offsets.get(self._source, 0)

    async def work(self) -> None:
        """Return when all is committed, or when somebody else has the partition."""
        while self.done < self._end:
            try:
                await self._producer.open()
                await self._go_on(self.done)
            except ProducerLost:
                continue
            except ProducerFenced:
                return
        await self._producer.close()

    async def _go_on(self, position: int) -> None:
        while position < self._end:
            for _ in range(1 + self._script.number(3)):
                stop = min(self._end, position + 1 + self._script.number(4))
                values = [b"%d" % (self._source * 1000 + number) for number in range(position, stop)]
                await self._producer.publish(OUTPUT, self._output, records(values))
                position = stop
            await self._producer.commit(position)
            assert self.done >= position


@settings(max_examples=1500, deadline=None)
@given(text=TEXT, end=st.integers(1, 12), workers=st.integers(1, 4))
def test_exactly_once_whoever_takes_a_partition_over_and_whatever_is_lost_or_late(text: bytes, end: int, workers: int):
    script = Script(text)

    async def history() -> None:
        broker = PaperBroker(script)
        tp = TopicPartition(OUTPUT, 0)

        def check() -> None:
            assert numbers(broker.visible(tp)) == [*range(broker.offsets.get(0, 0))]

        working: list[asyncio.Task[None]] = []
        for _ in range(workers):
            # Whoever was there before is not told, and finds out only when it is fenced.
            working.append(asyncio.create_task(Owner(broker, script, source=0, output=0, end=end).work()))
            for _ in range(script.number(80)):
                await asyncio.sleep(0)
                check()
            if script.happens(0.3):
                working[-1].cancel()
        while any(not task.done() for task in working):
            await asyncio.sleep(0)
            check()
        broker.calm = True
        await broker.settle()
        check()
        await Owner(broker, script, source=0, output=0, end=end).work()
        check()
        assert (broker.offsets[0], broker.undecided()) == (end, 0)
        for task in working:
            if not task.cancelled():
                task.result()

    run(history())


@settings(max_examples=700, deadline=None)
@given(text=TEXT, ends=st.lists(st.integers(1, 8), min_size=2, max_size=3))
def test_exactly_once_with_several_partitions_that_share_an_output_partition(text: bytes, ends: list[int]):
    script = Script(text)

    async def history() -> None:
        broker = PaperBroker(script)

        async def until_done(source: int, end: int) -> None:
            while broker.offsets.get(source, 0) < end:
                await Owner(broker, script, source=source, output=0, end=end).work()

        await asyncio.gather(*(until_done(source, end) for source, end in enumerate(ends)))
        await broker.settle()
        broker.calm = True
        for source, end in enumerate(ends):  # whatever a late request has begun is ended by whoever comes next
            await Owner(broker, script, source=source, output=0, end=end + 1).work()
        seen = numbers(broker.visible(TopicPartition(OUTPUT, 0)))
        assert broker.undecided() == 0
        for source, end in enumerate(ends):
            assert [number % 1000 for number in seen if number // 1000 == source] == [*range(end + 1)]

    run(history())


@settings(max_examples=1000, deadline=None)
@given(text=TEXT, lanes=st.integers(1, 4), outputs=st.integers(1, 2))
def test_at_least_once_nothing_is_lost_doubled_or_out_of_order_while_nobody_is_cancelled(
    text: bytes, lanes: int, outputs: int
):
    script = Script(text)

    async def history() -> None:
        broker = PaperBroker(script)
        producer = IdempotentProducer(broker)

        async def lane(number: int) -> None:
            sent = 0
            for _ in range(1 + script.number(5)):
                count = 1 + script.number(4)
                values = [b"%d" % (number * 1000 + each) for each in range(sent, sent + count)]
                assert await producer.publish(OUTPUT, number % outputs, records(values)) == {}
                sent += count
                confirmed[number] = sent

        confirmed: dict[int, int] = {}
        await asyncio.gather(*(lane(number) for number in range(lanes)))
        await broker.settle()
        for number, count in confirmed.items():
            seen = numbers(broker.visible(TopicPartition(OUTPUT, number % outputs)))
            assert [each % 1000 for each in seen if each // 1000 == number] == [*range(count)]

    run(history())


@settings(max_examples=1000, deadline=None)
@given(text=TEXT, lanes=st.integers(1, 3))
def test_at_least_once_lanes_that_are_cancelled_begin_again_and_what_is_doubled_keeps_its_order(
    text: bytes, lanes: int
):
    script = Script(text)

    async def history() -> None:
        broker = PaperBroker(script)
        producer = IdempotentProducer(broker)
        committed: dict[int, int] = {}

        async def lane(number: int, end: int) -> None:
            while committed.get(number, 0) < end:
                position = committed.get(number, 0)
                stop = min(end, position + 1 + script.number(4))
                values = [b"%d" % (number * 1000 + each) for each in range(position, stop)]
                assert await producer.publish(OUTPUT, 0, records(values)) == {}
                committed[number] = stop

        async def revoked_now_and_then(number: int) -> None:
            end = 1 + script.number(12)
            for _ in range(script.number(4)):
                working = asyncio.create_task(lane(number, end))
                for _ in range(script.number(40)):
                    await asyncio.sleep(0)
                working.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await working
            await lane(number, end)
            ends[number] = end

        ends: dict[int, int] = {}
        await asyncio.gather(*(revoked_now_and_then(number) for number in range(lanes)))
        await broker.settle()
        seen = numbers(broker.visible(TopicPartition(OUTPUT, 0)))
        for number, end in ends.items():
            mine = [each % 1000 for each in seen if each // 1000 == number]
            assert list(dict.fromkeys(mine)) == [*range(end)]

    run(history())


@settings(max_examples=500, deadline=None)
@given(text=TEXT, refused=st.sets(st.integers(0, 11)), count=st.integers(1, 12), exactly_once=st.booleans())
@example(text=random.Random(235).randbytes(1500)[:259], refused={0, 1}, count=4, exactly_once=True)
def test_refused_records_are_found_wherever_they_are_and_the_others_arrive_in_order(
    text: bytes, refused: set[int], count: int, exactly_once: bool
):
    values = [REFUSED if number in refused else b"%d" % number for number in range(count)]
    culprits = dict.fromkeys((number for number in range(count) if number in refused), Refusal.TOO_LARGE)

    script = Script(text)

    async def history() -> None:
        broker = PaperBroker(script)
        if exactly_once:
            producer: Any = TransactionalProducer(broker, group="g", source=TopicPartition("in", 0), hold_seconds=0)
        else:
            producer = IdempotentProducer(broker)
        # What is committed is asked for after the opening, as the service does: before, a commit may still be coming.
        while broker.offsets.get(0) != count:
            try:
                await producer.open()
                if broker.offsets.get(0) != count:
                    assert await producer.publish(OUTPUT, 0, records(values)) == culprits
                    await producer.commit(count)
            except (ProducerLost, ProducerFenced):
                continue
            if not exactly_once:
                break
        await broker.settle()
        assert numbers(broker.visible(TopicPartition(OUTPUT, 0))) == [n for n in range(count) if n not in refused]

    run(history())

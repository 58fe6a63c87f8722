"""The lane: published in order, acknowledged after the confirmation, nothing after a failure or the end."""

import asyncio
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.kafka.chunk import Chunk
from app.lane import CHUNKS_AT_ONCE, Lane, Work
from app.outcome import Outcome
from tests.app.chunks import run_of


class Outlet:
    """Where a lane publishes, and its producer: confirms when told to; remembers what happened in which order."""

    trouble = None

    def __init__(self, hold_seconds: float = 0.0) -> None:
        self.hold_seconds = hold_seconds
        self.commits: list[int] = []
        self.commit_fails = False
        self.closed = 0
        self.published: list[list[int]] = []
        self.confirmed: list[int] = []
        self.acknowledged: list[int] = []
        self.failures: list[BaseException] = []
        self.confirms = asyncio.Event()
        self.confirms.set()
        self.refuses = False

    async def commit(self, offset: int) -> None:
        if self.commit_fails:
            raise ConnectionError("not committed")
        self.commits.append(offset)

    async def close(self) -> None:
        self.closed += 1

    async def publish(self, _producer: object, ready: Sequence[Work]) -> None:
        starts = [work.chunk.start for work in ready]
        self.published.append(starts)
        await self.confirms.wait()
        if self.refuses:
            raise ConnectionError("refused")
        self.confirmed += starts

    def lane(self) -> Lane:
        return Lane(self, self.publish, on_done=lambda _: None, on_failure=self.failures.append, epoch=0)

    def work(self, chunk: Chunk, outcomes: "asyncio.Future[list[Outcome]]") -> Work:
        async def task() -> list[Outcome]:
            return await outcomes

        return Work(chunk, asyncio.create_task(task()), lambda done: self._acknowledge(done.start))

    def _acknowledge(self, start: int) -> None:
        assert start in self.confirmed
        self.acknowledged.append(start)


def future() -> "asyncio.Future[list[Outcome]]":
    return asyncio.get_running_loop().create_future()


async def settled() -> None:
    """Let everything that can go on without outside help go on."""
    for _ in range(20):
        await asyncio.sleep(0)


def fill(lane: Lane, outlet: Outlet, count: int) -> "list[asyncio.Future[list[Outcome]]]":
    """Put chunks 0 to *count*, one record each; returns the futures that their outcomes wait for."""
    futures = [future() for _ in range(count)]
    for number, each in enumerate(futures):
        lane.put(outlet.work(run_of(number, 1), each))
    return futures


async def test_a_chunk_whose_outcomes_come_early_waits_for_those_before_it():
    outlet = Outlet()
    lane = outlet.lane()
    first, second, third = fill(lane, outlet, 3)
    third.set_result([])
    second.set_result([])
    await settled()
    assert outlet.published == []
    first.set_result([])
    await settled()
    assert outlet.published == [[0, 1, 2]]
    assert outlet.acknowledged == [0, 1, 2]
    await lane.close()


async def test_chunks_that_become_ready_while_others_are_published_go_out_together_afterwards():
    outlet = Outlet()
    lane = outlet.lane()
    futures = fill(lane, outlet, CHUNKS_AT_ONCE + 3)
    outlet.confirms.clear()
    futures[0].set_result([])
    await settled()
    for each in futures[1:]:
        each.set_result([])
    await settled()
    assert (outlet.published, outlet.acknowledged) == ([[0]], [])
    outlet.confirms.set()
    await asyncio.wait_for(lane.drain(), 10)
    assert outlet.published == [[0], [*range(1, 1 + CHUNKS_AT_ONCE)], [*range(1 + CHUNKS_AT_ONCE, len(futures))]]
    assert outlet.acknowledged == [*range(len(futures))]
    await lane.close()


async def test_draining_waits_for_the_confirmation_of_everything_that_was_put():
    outlet = Outlet()
    lane = outlet.lane()
    await asyncio.wait_for(lane.drain(), 10)
    (outcomes,) = fill(lane, outlet, 1)
    draining = asyncio.create_task(lane.drain())
    await settled()
    assert not draining.done()
    outcomes.set_result([])
    await asyncio.wait_for(draining, 10)
    assert outlet.acknowledged == [0]
    (again,) = fill(lane, outlet, 1)
    draining = asyncio.create_task(lane.drain())
    await settled()
    assert not draining.done()
    again.set_result([])
    await asyncio.wait_for(draining, 10)
    await lane.close()


async def test_a_failed_publish_leaves_the_chunk_unacknowledged_and_everything_after_it_too():
    outlet = Outlet()
    lane = outlet.lane()
    outlet.refuses = True
    for each in fill(lane, outlet, 2):
        each.set_result([])
    await settled()
    assert (outlet.published, outlet.acknowledged) == ([[0, 1]], [])
    assert [str(failure) for failure in outlet.failures] == ["refused"]
    outlet.refuses = False
    fill(lane, outlet, 1)[0].set_result([])
    await settled()
    assert (len(outlet.published), len(outlet.failures)) == (1, 1)
    await lane.close()


async def test_outcomes_that_cannot_be_had_stop_the_lane_when_their_turn_comes():
    outlet = Outlet()
    lane = outlet.lane()
    first, second, third = fill(lane, outlet, 3)
    third.set_result([])
    first.set_result([])
    await settled()
    second.set_exception(ValueError("no outcomes"))
    await settled()
    assert (outlet.published, outlet.acknowledged) == ([[0]], [0])
    assert [str(failure) for failure in outlet.failures] == ["no outcomes"]
    await lane.close()


async def test_an_acknowledgement_that_fails_is_reported():
    outlet = Outlet()
    lane = outlet.lane()
    outcomes = future()
    outcomes.set_result([])
    lane.put(Work(run_of(0, 1), outlet.work(run_of(0, 1), outcomes).outcomes, lambda _: 1 / 0))
    await settled()
    assert isinstance(outlet.failures[0], ZeroDivisionError)
    await lane.close()


async def test_draining_a_lane_that_has_failed_does_not_wait_for_ever():
    outlet = Outlet()
    lane = outlet.lane()
    outlet.refuses = True
    fill(lane, outlet, 2)[0].set_result([])
    await asyncio.wait_for(lane.drain(), 10)
    assert outlet.acknowledged == []
    await lane.close()


async def test_what_is_ready_while_a_transaction_is_open_joins_it_and_all_is_acknowledged_by_one_commit():
    outlet = Outlet(hold_seconds=3600)
    lane = outlet.lane()
    futures = fill(lane, outlet, 2 * CHUNKS_AT_ONCE + 2)
    for each in futures[:-1]:
        each.set_result([])
    outlet.confirms.clear()
    await settled()
    assert (len(outlet.published), outlet.commits) == (1, [])
    outlet.confirms.set()
    await settled()
    # Nothing more is ready: the last one is still computed.
    assert (len(outlet.published), outlet.commits) == (3, [2 * CHUNKS_AT_ONCE + 1])
    assert outlet.acknowledged == [*range(2 * CHUNKS_AT_ONCE + 1)]
    futures[-1].set_result([])
    await asyncio.wait_for(lane.drain(), 10)
    assert outlet.commits[1:] == [2 * CHUNKS_AT_ONCE + 2]
    await lane.close()
    assert outlet.closed == 1


async def test_a_transaction_that_was_held_long_enough_is_committed_though_more_is_ready():
    outlet = Outlet(hold_seconds=0)
    lane = outlet.lane()
    for each in fill(lane, outlet, 3 * CHUNKS_AT_ONCE):
        each.set_result([])
    await asyncio.wait_for(lane.drain(), 10)
    assert outlet.commits == [CHUNKS_AT_ONCE, 2 * CHUNKS_AT_ONCE, 3 * CHUNKS_AT_ONCE]
    await lane.close()


async def test_what_is_published_and_not_committed_is_not_acknowledged():
    outlet = Outlet(hold_seconds=3600)
    lane = outlet.lane()
    outlet.commit_fails = True
    for each in fill(lane, outlet, CHUNKS_AT_ONCE + 1):
        each.set_result([])
    await asyncio.wait_for(lane.drain(), 10)
    assert (len(outlet.published), outlet.acknowledged) == (2, [])
    assert [str(failure) for failure in outlet.failures] == ["not committed"]
    assert not lane.is_idle
    await lane.close()


async def test_outcomes_that_cannot_be_had_take_nothing_of_what_was_published_before_along():
    outlet = Outlet(hold_seconds=3600)
    lane = outlet.lane()
    first, second = fill(lane, outlet, 2)
    second.set_exception(ValueError("no outcomes"))
    await settled()
    first.set_result([])
    await asyncio.wait_for(lane.drain(), 10)
    assert (outlet.commits, outlet.acknowledged) == ([1], [0])
    assert [str(failure) for failure in outlet.failures] == ["no outcomes"]
    await lane.close()


async def test_a_lane_is_idle_once_everything_is_acknowledged_and_not_when_it_failed():
    outlet = Outlet()
    lane = outlet.lane()
    assert lane.is_idle
    (outcomes,) = fill(lane, outlet, 1)
    assert not lane.is_idle
    outcomes.set_result([])
    await asyncio.wait_for(lane.drain(), 10)
    assert lane.is_idle
    outlet.refuses = True
    fill(lane, outlet, 1)[0].set_result([])
    await asyncio.wait_for(lane.drain(), 10)
    assert not lane.is_idle
    await lane.close()


async def test_whoever_gives_up_draining_leaves_nothing_behind():
    outlet = Outlet()
    lane = outlet.lane()
    fill(lane, outlet, 1)
    draining = asyncio.create_task(lane.drain())
    await settled()
    draining.cancel()
    await asyncio.wait([draining])
    await lane.close()
    await settled()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("publishing", [True, False])
async def test_a_closed_lane_drops_what_is_left_and_cancels_what_is_still_computed(publishing: bool):
    outlet = Outlet()
    lane = outlet.lane()
    outlet.confirms.clear()
    first, second = fill(lane, outlet, 2)
    if publishing:
        first.set_result([])
        await settled()
    await asyncio.wait_for(lane.close(), 10)
    assert second.cancelled()
    outlet.confirms.set()
    await settled()
    assert outlet.acknowledged == outlet.confirmed == []
    assert outlet.failures == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


@settings(max_examples=1000, deadline=None)
@given(
    dice=st.randoms(use_true_random=True),
    count=st.integers(1, 12),
    end=st.sampled_from(["drained", "closed", "failed"]),
)
def test_chunks_leave_in_order_once_each_and_are_acknowledged_only_after_their_confirmation(
    dice: random.Random, count: int, end: str
):
    culprit = dice.randrange(count) if end == "failed" else None
    fails_in_outcomes = dice.random() < 0.5

    async def scenario() -> tuple[list[int], Outlet]:
        outlet = Outlet()
        published: list[int] = []

        async def publish(_producer: object, ready: Sequence[Work]) -> None:
            starts = [work.chunk.start for work in ready]
            assert len(starts) <= CHUNKS_AT_ONCE
            assert starts == [*range(len(published), len(published) + len(starts))]
            await hesitate()
            if culprit in starts and not fails_in_outcomes:
                raise ConnectionError
            outlet.confirmed += starts
            published.extend(starts)
            await hesitate()

        async def hesitate() -> None:
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)

        async def compute(number: int) -> None:
            await hesitate()
            if number == culprit and fails_in_outcomes:
                futures[number].set_exception(ConnectionError())
            elif not futures[number].done():
                futures[number].set_result([])

        lane = Lane(outlet, publish, on_done=lambda _: None, on_failure=outlet.failures.append, epoch=0)
        futures = [future() for _ in range(count)]
        computing = []
        for number, each in enumerate(futures):
            lane.put(outlet.work(run_of(number, 1), each))
            computing.append(asyncio.create_task(compute(number)))
            await hesitate()
        if end == "closed":
            await hesitate()
        else:
            await asyncio.wait_for(lane.drain(), 10)
        before = list(outlet.acknowledged)
        async with asyncio.timeout(10):  # not wait_for, which would let others go on before closing begins
            await lane.close()
        await asyncio.gather(*computing)
        await settled()
        assert outlet.acknowledged == before, "acknowledged after the end"
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return published, outlet

    published, outlet = asyncio.run(scenario())
    assert outlet.acknowledged == [*range(len(outlet.acknowledged))]
    assert set(outlet.acknowledged) <= set(published)
    if end == "drained":
        assert outlet.acknowledged == published == [*range(count)]
    if culprit is not None:
        assert len(outlet.acknowledged) <= culprit
        assert [type(failure) for failure in outlet.failures] == [ConnectionError]
    else:
        assert outlet.failures == []


async def test_a_close_that_is_cancelled_lets_go_of_the_producer_all_the_same():
    outlet = Outlet()
    publishing = asyncio.Event()

    async def stubborn(_producer: object, _ready: Sequence[Work]) -> None:
        publishing.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.Event().wait()  # until it is cancelled once more

    lane = Lane(outlet, stubborn, on_done=lambda _: None, on_failure=outlet.failures.append, epoch=0)
    done = future()
    done.set_result([])
    lane.put(outlet.work(run_of(0, 1), done))
    await publishing.wait()
    closing = asyncio.create_task(lane.close())
    await settled()
    assert (closing.done(), outlet.closed) == (False, 0)
    closing.cancel()
    await asyncio.wait([closing])
    assert (closing.cancelled(), outlet.closed) == (True, 1)

"""The batcher, alone: no Kafka, no model."""

import asyncio
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.batching import Batcher, Dispatch, Slice


class Runner:
    """Runs batches when told to; remembers what was in them."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.free = asyncio.Event()
        self.free.set()
        self.running = 0
        self.most_running = 0
        self.fail_on: str | None = None

    async def __call__(self, slices: Sequence[Slice[list[str]]]) -> list[list[str]]:
        rows = [row for part in slices for row in part.block[part.start : part.stop]]
        self.batches.append(rows)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        await self.free.wait()
        self.running -= 1
        if self.fail_on in rows:
            raise ValueError(self.fail_on)
        return [[row.upper() for row in part.block[part.start : part.stop]] for part in slices]


def make(runner: Runner, **options: object) -> Batcher[list[str], list[str]]:
    defaults = {"max_size": 4, "max_in_flight": 1, "max_rows": 100, "max_bytes": 1000}
    return Batcher(runner, **{**defaults, **options})  # type: ignore[arg-type]


async def submit(batcher: Batcher[list[str], list[str]], block: str, **options: object) -> str:
    parts = await batcher.submit(list(block), rows=len(block), nbytes=len(block), **options)  # type: ignore[arg-type]
    return "".join(row for part in parts for row in part.result)


async def settled() -> None:
    """Let everything that can go on without outside help go on."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_free_slot_takes_what_is_there_at_once():
    runner = Runner()
    assert await submit(make(runner), "a") == "A"
    assert runner.batches == [["a"]]


async def test_rows_that_arrive_while_a_batch_runs_share_the_next_one():
    runner = Runner()
    batcher = make(runner)
    runner.free.clear()
    waiting = [asyncio.create_task(submit(batcher, "a"))]
    await settled()
    waiting += [asyncio.create_task(submit(batcher, block)) for block in ("bc", "d")]
    await settled()
    runner.free.set()
    assert await asyncio.gather(*waiting) == ["A", "BC", "D"]
    assert runner.batches == [["a"], ["b", "c", "d"]]


async def test_rows_submitted_in_the_same_moment_share_a_batch():
    runner = Runner()
    batcher = make(runner)
    assert await asyncio.gather(*(submit(batcher, block) for block in ("a", "b", "cd"))) == ["A", "B", "CD"]
    assert runner.batches == [["a", "b", "c", "d"]]


async def test_a_block_larger_than_a_batch_is_split_and_comes_back_whole():
    runner = Runner()
    assert await submit(make(runner), "abcdefghij") == "ABCDEFGHIJ"
    assert [len(batch) for batch in runner.batches] == [4, 4, 2]


async def test_rows_of_other_keys_never_share_a_batch_and_the_oldest_goes_first():
    runner = Runner()
    batcher = make(runner)
    runner.free.clear()
    tasks = [asyncio.create_task(submit(batcher, "x"))]
    await settled()
    tasks += [asyncio.create_task(submit(batcher, block, key=len(block))) for block in ("a", "bc", "d", "ef")]
    await settled()
    runner.free.set()
    await asyncio.gather(*tasks)
    assert runner.batches == [["x"], ["a", "d"], ["b", "c", "e", "f"]]


async def test_no_more_batches_run_at_once_than_allowed():
    runner = Runner()
    batcher = make(runner, max_in_flight=3, max_size=1)
    runner.free.clear()
    task = asyncio.create_task(submit(batcher, "abcdef"))
    await settled()
    assert (runner.running, batcher.in_flight) == (3, 3)
    runner.free.set()
    await task
    assert runner.most_running == 3


async def test_a_row_waits_for_company_only_as_long_as_it_may():
    runner, dispatches = Runner(), []
    batcher = make(runner, max_delay_seconds=0.05, on_dispatch=dispatches.append)
    first = asyncio.create_task(submit(batcher, "a"))
    await settled()
    assert runner.batches == []
    second = asyncio.create_task(submit(batcher, "b"))
    await asyncio.gather(first, second)
    assert runner.batches == [["a", "b"]]
    assert dispatches[0].rows == 2
    assert dispatches[0].waited_seconds >= 0.05


async def test_a_full_batch_does_not_wait_for_the_delay():
    runner = Runner()
    batcher = make(runner, max_delay_seconds=3600)
    assert await submit(batcher, "abcd") == "ABCD"


async def test_a_failed_batch_fails_its_submitters_and_nobody_else():
    runner = Runner()
    batcher = make(runner)
    runner.fail_on = "c"
    runner.free.clear()
    tasks = [asyncio.create_task(submit(batcher, "ab"))]
    await settled()
    tasks += [asyncio.create_task(submit(batcher, block)) for block in ("cdefgh", "i")]
    await settled()
    runner.free.set()
    good, bad, later = await asyncio.gather(*tasks, return_exceptions=True)
    assert good == "AB"
    assert isinstance(bad, ValueError)
    assert later == "I"
    assert (batcher.rows, batcher.bytes) == (0, 0)


async def test_a_runner_that_answers_for_too_few_slices_is_an_error():
    async def short(_: Sequence[Slice[list[str]]]) -> list[list[str]]:
        return []

    batcher: Batcher[list[str], list[str]] = Batcher(short, max_size=4, max_in_flight=1, max_rows=9, max_bytes=9)
    with pytest.raises(ValueError, match="shorter"):
        await submit(batcher, "a")


@pytest.mark.parametrize(("max_rows", "max_bytes"), [(4, 1000), (1000, 4)])
async def test_submitters_wait_outside_while_it_is_full_and_enter_in_order(max_rows: int, max_bytes: int):
    runner = Runner()
    batcher = make(runner, max_rows=max_rows, max_bytes=max_bytes)
    runner.free.clear()
    tasks = [asyncio.create_task(submit(batcher, block)) for block in ("abc", "de", "f")]
    await settled()
    # "f" would fit beside "abc", but "de" was there before it.
    assert (batcher.rows, runner.batches) == (3, [["a", "b", "c"]])
    runner.free.set()
    assert await asyncio.gather(*tasks) == ["ABC", "DE", "F"]


async def test_a_block_beyond_the_bounds_passes_alone():
    runner = Runner()
    assert await submit(make(runner, max_rows=2), "abcdef") == "ABCDEF"


async def test_a_cancelled_submitter_takes_its_waiting_rows_with_it():
    runner = Runner()
    batcher = make(runner)
    runner.free.clear()
    first = asyncio.create_task(submit(batcher, "a"))
    await settled()
    gone, stays = asyncio.create_task(submit(batcher, "xyz")), asyncio.create_task(submit(batcher, "b"))
    await settled()
    gone.cancel()
    await settled()
    runner.free.set()
    assert await asyncio.gather(first, stays) == ["A", "B"]
    assert runner.batches == [["a"], ["b"]]
    assert (batcher.rows, batcher.bytes) == (0, 0)


async def test_a_submitter_cancelled_outside_does_not_keep_the_door_shut():
    runner = Runner()
    batcher = make(runner, max_rows=3)
    runner.free.clear()
    first = asyncio.create_task(submit(batcher, "abc"))
    await settled()
    gone, stays = asyncio.create_task(submit(batcher, "xy")), asyncio.create_task(submit(batcher, "d"))
    await settled()
    gone.cancel()
    runner.free.set()
    assert await asyncio.gather(first, stays) == ["ABC", "D"]
    assert batcher.rows == 0


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), max_size=st.integers(1, 7), in_flight=st.integers(1, 3), delay=st.booleans())
def test_every_row_is_answered_once_within_the_bounds(seed: int, max_size: int, in_flight: int, delay: bool):
    dice = random.Random(seed)
    max_rows, dispatches = 12, []

    async def run(slices: Sequence[Slice[list[int]]]) -> list[list[int]]:
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)
        if dice.random() < 0.1:
            raise ValueError
        return [[-row for row in part.block[part.start : part.stop]] for part in slices]

    def on_dispatch(dispatch: Dispatch) -> None:
        assert batcher.in_flight <= in_flight
        assert batcher.rows <= max_rows
        dispatches.append(dispatch.rows)

    async def one(block: list[int]) -> None:
        for _ in range(dice.randrange(5)):
            await asyncio.sleep(0)
        try:
            parts = await batcher.submit(block, rows=len(block), nbytes=1, key=dice.randrange(2))
        except ValueError:
            return
        assert [row for part in parts for row in part.result] == [-row for row in block]
        answered.append(len(block))

    async def scenario() -> None:
        nonlocal batcher
        batcher = Batcher(
            run,
            max_size=max_size,
            max_in_flight=in_flight,
            max_delay_seconds=0.001 if delay else 0,
            max_rows=max_rows,
            max_bytes=10**9,
            on_dispatch=on_dispatch,
        )
        blocks = [[*range(1, 1 + dice.randint(1, max_rows))] for _ in range(dice.randint(1, 12))]
        tasks = [asyncio.create_task(one(block)) for block in blocks]
        for task in tasks:
            if dice.random() < 0.1:
                await asyncio.sleep(0)
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(result is None or isinstance(result, asyncio.CancelledError) for result in results), results
        assert (batcher.rows, batcher.bytes) == (0, 0)

    batcher: Batcher[list[int], list[int]]
    answered: list[int] = []
    asyncio.run(scenario())
    assert max(dispatches, default=0) <= max_size
    assert sum(dispatches) >= sum(answered)

"""The batcher, alone: no Kafka, no model; whatever may coincide is in test_batching_interleavings.py."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from app.batching import Batcher, Slice
from app.limit import BatchLimit
from app.target import LatencyTarget, Queue


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


def make(runner: Any, *, max_size: int = 4, **options: object) -> Batcher[list[str], list[str]]:
    defaults = {"limit": BatchLimit(max_size), "max_in_flight": 1, "max_rows": 100, "max_bytes": 1000}
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
    assert dispatches[0].reason == "delay"


async def test_a_batch_says_why_it_left_as_it_is():
    class Two:
        """A target that wants two rows."""

        def rows(self, queue: Queue, most: int) -> int:
            return 2

        def took(self, *_: object) -> None: ...

    runner, dispatches = Runner(), []
    for target in (None, Two()):
        batcher = make(runner, target=target, on_dispatch=dispatches.append)
        await submit(batcher, "abcde")
    assert [(dispatch.rows, dispatch.reason) for dispatch in dispatches] == [
        *[(4, "full"), (1, "free")],
        *[(2, "target"), (2, "target"), (1, "free")],
    ]


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

    with pytest.raises(ValueError, match="shorter"):
        await submit(make(short), "a")


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


async def test_one_who_waits_outside_is_not_overtaken_by_one_who_comes_in_the_moment_that_room_is_made():
    runner = Runner()
    batcher = make(runner, max_rows=4)
    runner.free.clear()
    first = asyncio.create_task(submit(batcher, "abcd"))
    await settled()
    second = asyncio.create_task(submit(batcher, "e"))
    await asyncio.sleep(0)
    first.cancel()
    third = asyncio.create_task(submit(batcher, "f"))
    await settled()
    runner.free.set()
    assert await asyncio.gather(second, third) == ["E", "F"]
    assert runner.batches[1:] == [["e", "f"]]


async def test_when_a_large_one_outside_gives_up_those_behind_it_enter_at_once():
    runner = Runner()
    batcher = make(runner, max_rows=4, max_in_flight=2)
    runner.free.clear()
    first, large, small = (asyncio.create_task(submit(batcher, block)) for block in ("abc", "defg", "h"))
    await settled()
    large.cancel()
    await settled()
    assert runner.batches == [["a", "b", "c"], ["h"]]
    runner.free.set()
    assert await asyncio.gather(first, small) == ["ABC", "H"]


class Endless:
    """A runner that never ends by itself; remembers the batches that were cancelled."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []

    async def __call__(self, slices: Sequence[Slice[list[str]]]) -> list[list[str]]:
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.append("".join(row for part in slices for row in part.block[part.start : part.stop]))
        return []


async def test_a_batch_runs_as_long_as_anybody_wants_it_and_is_cancelled_when_nobody_does():
    runner = Endless()
    batcher = make(runner)
    one, other = asyncio.create_task(submit(batcher, "ab")), asyncio.create_task(submit(batcher, "cd"))
    await settled()
    one.cancel()
    await settled()
    assert (runner.cancelled, batcher.in_flight) == ([], 1)
    other.cancel()
    await settled()
    assert (runner.cancelled, batcher.in_flight, batcher.rows) == (["abcd"], 0, 0)


async def test_when_one_batch_of_a_block_fails_the_others_run_on_for_nobody_and_are_cancelled():
    cancelled = Endless()

    async def run(slices: Sequence[Slice[list[str]]]) -> list[list[str]]:
        if slices[0].start == 0:
            raise ValueError("the first batch fails")
        return await cancelled(slices)

    with pytest.raises(ValueError, match="the first batch fails"):
        await submit(make(run, max_in_flight=2), "abcdefgh")
    await settled()
    assert cancelled.cancelled == ["efgh"]


async def test_a_limit_that_was_lowered_holds_from_the_next_batch_on():
    runner = Runner()
    limit = BatchLimit(4)
    batcher = make(runner, limit=limit)
    runner.free.clear()
    task = asyncio.create_task(submit(batcher, "abcdefgh"))
    await settled()
    limit.lower(4)
    runner.free.set()
    assert await task == "ABCDEFGH"
    assert [len(batch) for batch in runner.batches] == [4, 2, 2]


async def test_a_batch_that_fills_a_lowered_limit_does_not_wait_for_the_delay():
    runner = Runner()
    limit = BatchLimit(4)
    limit.lower(4)
    assert await submit(make(runner, limit=limit, max_delay_seconds=3600), "ab") == "AB"


def makes_batches_of(rows: int, target_seconds: float) -> LatencyTarget:
    """A target that knows batches of *rows* rows to be as efficient as any, and all batches to take a second each."""
    target = LatencyTarget(target_seconds, sizes=(1, 2, 4))
    for size in (1, 2, 4):
        for _ in range(200):
            target.took(None, size, 0, max(1.0, size / rows))
    return target


async def test_a_target_makes_batches_smaller_than_they_may_be():
    runner = Runner()
    batcher = make(runner, target=makes_batches_of(2, target_seconds=60))
    assert await submit(batcher, "abcde") == "ABCDE"
    assert [len(batch) for batch in runner.batches] == [2, 2, 1]


async def test_the_time_of_a_batch_that_was_not_scored_in_one_go_is_not_learned():
    class Listening(LatencyTarget):
        took_rows: list[int] = []  # noqa: RUF012 - one test, one target

        def took(self, key: object, rows: int, *_: object) -> None:
            self.took_rows.append(rows)

    batcher = make(Runner(), target=Listening(60, sizes=(1, 4)), ordinary=lambda results: "X" not in str(results))
    assert await submit(batcher, "ab") == "AB"
    assert await submit(batcher, "axy") == "AXY"
    assert await submit(batcher, "c") == "C"
    assert Listening.took_rows == [2, 1]


async def test_rows_do_not_wait_for_company_beyond_the_target():
    runner = Runner()
    batcher = make(runner, max_delay_seconds=3600, target=makes_batches_of(2, target_seconds=1.01))
    assert await submit(batcher, "a") == "A"


async def test_the_target_learns_from_batches_that_were_answered_and_not_from_those_that_failed():
    runner, target = Runner(), LatencyTarget(60, sizes=(1, 2, 4))
    batcher = make(runner, target=target)
    runner.fail_on = "a"
    with pytest.raises(ValueError, match="a"):
        await submit(batcher, "a", key="model")
    asked = Queue(key="model", rows=1, oldest=0, newest=0, running=0)
    assert target.spare(asked) == 60
    assert await submit(batcher, "b", key="model") == "B"
    assert target.spare(asked) < 60

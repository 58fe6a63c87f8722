"""The size of the next batch, and whether a load that rises and falls is answered within the target by it."""

import asyncio
import gc
import random
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import quantiles

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.batching import Batcher, Slice
from app.limit import BatchLimit
from app.scoring import Rows, Scorer
from app.target import FIRST_ROWS, LatencyTarget, Queue, doubling
from models.predictor import Predictor
from tests.app.leaping import Leaping

MS = 0.001
TARGET = 20 * MS
SIZES = doubling(512)
Cost = Callable[[int], float]


def line(fixed_ms: float, row_ms: float) -> Cost:
    return lambda rows: (fixed_ms + row_ms * rows) * MS


def bent(row_ms: float, row_beyond_ms: float) -> Cost:
    """Rows beyond the 64th take longer."""
    return lambda rows: (1 + row_ms * min(rows, 64) + row_beyond_ms * max(0, rows - 64)) * MS


def queue(rows: int, oldest_ms: float, newest_ms: float = 0.0, key: object = None, running: int = 0) -> Queue:
    return Queue(key=key, rows=rows, oldest=oldest_ms * MS, newest=newest_ms * MS, running=running)


def taught(cost: Cost, *, up_to: int = 512, key: object = None, running: int = 0) -> LatencyTarget:
    """Knows *cost* exactly."""
    target = LatencyTarget(TARGET, sizes=SIZES)
    for size in SIZES:
        for _ in range(200 if size <= up_to else 0):
            target.took(key, size, running, cost(size))
    return target


def test_all_that_waits_goes_when_its_oldest_row_is_on_time_then():
    assert taught(line(1, 0.02)).rows(queue(300, oldest_ms=5), 512) >= 300


def test_the_batch_is_the_largest_that_keeps_the_oldest_row_on_time():
    rows = taught(line(0.5, 0.1)).rows(queue(150, oldest_ms=10), 512)
    assert 91 <= rows <= 95


def test_a_batch_is_not_cut_down_so_far_that_the_queue_would_grow():
    cost = line(2, 0.02)
    rows = taught(cost).rows(queue(400, oldest_ms=17), 512)
    assert rows / cost(rows) > 0.9 * 512 / cost(512)


def test_when_all_are_late_anyway_the_size_with_the_best_rate_ends_that_the_soonest():
    slow_when_large = bent(0.05, 0.15)
    assert taught(slow_when_large).rows(queue(5000, oldest_ms=90), 512) == 64
    assert taught(line(1, 0.05)).rows(queue(5000, oldest_ms=90), 512) == 512


def test_rows_do_not_wait_for_others_in_batches_larger_than_pays():
    slow_when_large = bent(0.02, 0.04)
    assert taught(slow_when_large).rows(queue(256, oldest_ms=0), 512) == 64


def test_what_is_not_known_is_found_out_by_doubling():
    cost, seen = line(1, 0.01), []
    target = LatencyTarget(TARGET, sizes=SIZES)
    while not seen or seen[-1] < 512:
        seen.append(target.rows(queue(5000, oldest_ms=90), 512))
        target.took(None, seen[-1], 0, cost(seen[-1]))
    assert seen[0] == FIRST_ROWS
    assert seen == [16 << turn for turn in range(6)]


def test_a_padded_model_is_given_all_rows_that_its_size_has_room_for():
    target = LatencyTarget(TARGET, sizes=(8, 64, 512), padded=True)
    for rows, seconds in ((8, 2 * MS), (64, 6 * MS), (512, 50 * MS)):
        for _ in range(200):
            target.took(None, rows, 0, seconds)
    assert target.rows(queue(100, oldest_ms=10), 512) == 64


def test_while_latency_does_not_matter_batches_are_as_large_as_they_can_be():
    target = LatencyTarget(TARGET, sizes=SIZES, suspended=lambda: True)
    assert target.rows(queue(5000, oldest_ms=0), 512) == 512


def test_every_model_has_times_of_its_own():
    target = taught(line(1, 0.01), key="old")
    for _ in range(200):
        target.took("new", 16, 0, 30 * MS)
    assert target.rows(queue(200, oldest_ms=0, key="old"), 512) >= 200
    assert target.rows(queue(200, oldest_ms=0, key="new"), 512) <= 32


def test_calls_beside_others_have_times_of_their_own():
    target = taught(line(0.5, 0.1))
    for size in SIZES:
        for _ in range(200):
            target.took(None, size, 1, line(0.6, 0.14)(size))
    alone, beside = (target.rows(queue(100, oldest_ms=10, running=running), 512) for running in (0, 1))
    assert 91 <= alone <= 95
    assert 64 <= beside <= 67


class Model:
    """Whose times are learned."""


def test_what_is_known_of_a_model_does_not_keep_it_in_memory():
    model = Model()
    target = taught(line(1, 0.01), key=(model, "shape"))
    there = weakref.ref(model)
    del model
    gc.collect()
    assert there() is None
    assert target.rows(queue(200, oldest_ms=0, key=(Model(), "shape")), 512) == FIRST_ROWS


QUEUES = st.builds(
    lambda rows, waited, running: Queue(key=None, rows=rows, oldest=max(waited), newest=min(waited), running=running),
    st.integers(1, 2000),
    st.tuples(st.floats(0, 0.1), st.floats(0, 0.1)),
    st.integers(0, 1),
)


@settings(deadline=None)
@given(
    calls=st.lists(st.tuples(st.integers(1, 512), st.integers(0, 1), st.floats(0, 1)), max_size=30),
    asked=QUEUES,
    limit=st.integers(1, 512),
    padded=st.booleans(),
)
def test_a_batch_has_at_least_one_row_and_at_most_as_many_as_it_may(
    calls: list[tuple[int, int, float]], asked: Queue, limit: int, padded: bool
):
    target = LatencyTarget(TARGET, sizes=(8, 64, 512) if padded else SIZES, padded=padded)
    for call in calls:
        target.took(None, *call)
    assert 1 <= target.rows(asked, limit) <= limit


# -- the batcher under load


@dataclass
class Device:
    """Takes the time that *cost* says, give or take a tenth, one call after the other."""

    cost: Cost
    noise: random.Random = field(default_factory=lambda: random.Random(5))
    free_at: float = 0.0

    async def __call__(self, slices: Sequence[Slice[None]]) -> list[None]:
        loop = asyncio.get_running_loop()
        took = self.cost(sum(map(len, slices))) * self.noise.lognormvariate(0, 0.1)
        self.free_at = max(self.free_at, loop.time()) + took
        await asyncio.sleep(self.free_at - loop.time())
        return [None] * len(slices)


def under_load(cost: Cost, loads: Sequence[float], *, size: int = 512, learned: bool) -> tuple[list[float], float]:
    """The p99 for each of *loads*, in rows a second, and the rows a second that were done of all."""
    loop = Leaping()
    arrivals = random.Random(3)
    target = LatencyTarget(TARGET, sizes=SIZES, clock=loop.time) if learned else None
    batcher = Batcher(
        Device(cost), limit=BatchLimit(size), max_in_flight=1, max_rows=20_000, max_bytes=1 << 60, target=target
    )

    async def one(taken: list[float]) -> None:
        handed, rows = loop.time(), arrivals.randint(1, 15)
        await batcher.submit(None, rows=rows, nbytes=1)
        taken += [loop.time() - handed] * rows

    async def load(rate: float) -> list[float]:
        taken: list[float] = []
        begin = loop.time()
        async with asyncio.TaskGroup() as group:
            while loop.time() < begin + 0.6:
                await asyncio.sleep(arrivals.expovariate(rate / 8))
                group.create_task(one(taken if loop.time() > begin + 0.1 else []))
        return taken

    async def everything() -> tuple[list[float], float]:
        took = [await load(rate) for rate in loads]
        return [quantiles(each, n=100)[-1] for each in took], 0.6 * sum(loads) / loop.time()

    try:
        return loop.run_until_complete(everything())
    finally:
        loop.close()


MODELS = {
    "light": line(0.5, 0.05),
    "heavy": line(2, 0.02),
    "slow when large": bent(0.03, 0.05),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_load_that_rises_and_falls_is_answered_within_the_target_where_any_fixed_size_does_so(name: str):
    cost = MODELS[name]
    best = max(size / cost(size) for size in SIZES)
    loads = [share * best for share in (0.1, 0.5, 0.8, 0.84, 0.7, 0.1)]
    fixed = [under_load(cost, loads, size=size, learned=False)[0] for size in (64, 512)]
    could = [min(each) < 0.95 * TARGET for each in zip(*fixed, strict=True)]
    assert sum(could) >= 4
    learned, _ = under_load(cost, loads, learned=True)
    assert [tail for tail, possible in zip(learned, could, strict=True) if possible and tail > TARGET] == []


@pytest.mark.parametrize("name", MODELS)
def test_under_too_much_load_as_much_is_done_as_with_the_best_fixed_size(name: str):
    cost = MODELS[name]
    loads = [1.5 * max(size / cost(size) for size in SIZES)]
    fixed = max(under_load(cost, loads, size=size, learned=False)[1] for size in (64, 512))
    assert under_load(cost, loads, learned=True)[1] > 0.9 * fixed


async def test_a_real_model_answers_every_row_in_batches_of_learned_sizes(mlp: Predictor):
    features = np.random.default_rng(1).random((600, 32), dtype=np.float32)
    expected = mlp.predict({"features": features}).scores
    sizes: list[int] = []
    target = LatencyTarget(60.0, sizes=SIZES, slots=2)
    with ThreadPoolExecutor(2) as threads:
        limit = BatchLimit(512)
        batcher = Batcher(
            Scorer(threads, lambda _: None, limit=limit),
            limit=limit,
            max_in_flight=2,
            max_rows=1000,
            max_bytes=1 << 30,
            target=target,
            on_dispatch=lambda dispatch: sizes.append(dispatch.rows),
        )
        for _ in range(3):
            parts = await batcher.submit(Rows({"features": features}, mlp), rows=600, nbytes=1, key=(mlp, None))
            got = np.concatenate([part.result.ranking.scores for part in parts if part.result.ranking])
            np.testing.assert_allclose(got, expected, rtol=1e-5)
    assert sizes[0] == FIRST_ROWS
    assert max(sizes) >= 8 * FIRST_ROWS
    assert sum(sizes) == 1800

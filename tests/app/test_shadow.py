"""A version that is only compared: what it is given, what it counts, and that nobody waits for it."""

import asyncio
import gc
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from app.agreement import Agreement
from app.assembly import make_ranking
from app.backoff import Backoff
from app.batching import Batcher
from app.errors import PublishFailed
from app.kafka.chunk import Chunk
from app.limit import BatchLimit
from app.metrics import Metrics
from app.patrol import Patrol
from app.rankers import make_ranker
from app.ranking import Ranked
from app.records import Outgoing
from app.scoring import Scorer
from app.shadow import Shadow
from config.settings import load_settings
from models.errors import ModelUnavailable
from models.numpy_model import NumpyModel
from tests.app.chunks import TOPIC, chunk, record, row

SETTINGS = load_settings({"INPUT_TOPIC": TOPIC, "OUTPUT_TOPIC": "out", "MODEL_PATH": "model"}, env_file=None)
LABELS = ("red", "green", "blue")


class Seen:
    """An observer that adds up what it is told."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.same_top: list[bool] = []
        self.correlation: list[float] = []

    def model_ranked(self, role: str, outcome: str, rows: int) -> None:
        assert role == "shadow"
        self.rows[outcome] += rows

    def shadow_agrees(self, agreement: Agreement) -> None:
        self.same_top += agreement.same_top.tolist()
        self.correlation += agreement.correlation.tolist()


class Rig:
    """A version that serves, and its shadow."""

    def __init__(
        self, served: NumpyModel, model: NumpyModel, *, publish: Any = None, max_rows: int = 100, **options: Any
    ) -> None:
        self.seen, self.failures = Seen(), list[str]()
        self.failed = asyncio.Event()
        served.version, model.version = "1", "2"
        self.threads, thread = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        limit = BatchLimit(8)
        ways = [Scorer(each, lambda _: None, limit=limit, backoff=Backoff(pauses=0)) for each in (self.threads, thread)]
        self.served, self.ranking = make_ranker(SETTINGS, served), make_ranking(SETTINGS, ways[0], Metrics())
        self.shadow = Shadow(
            make_ranker(SETTINGS, model),
            Batcher(ways[1], limit=limit, max_in_flight=1, max_rows=10**6, max_bytes=10**9),
            Patrol(lambda: ways[1].longest_call_seconds, options.get("longest_seconds", 30.0)),
            thread,
            observer=self.seen,
            on_failure=self._fail,
            publish=publish,
            finite=True,
            max_rows=max_rows,
            max_bytes=options.get("max_bytes", 10**6),
        )

    def _fail(self, shadow: Shadow, error: Exception) -> None:
        assert shadow is self.shadow
        self.failures.append(str(error))
        self.failed.set()
        shadow.close()

    async def rank(self, *values: bytes) -> Chunk:
        fetched = chunk(*(record(place, value, key=b"k%d" % place) for place, value in enumerate(values)))

        def offer(there: Ranked) -> None:
            self.shadow.offer(fetched.tp, self.served, there)

        await asyncio.wait_for(self.ranking.rank(fetched, "in-0", self.served, offer), 10)
        return fetched

    async def settled(self) -> None:
        while self.shadow._tasks:
            await asyncio.wait(self.shadow._tasks)


@pytest.fixture
def rig() -> Iterator[Callable[..., Rig]]:
    made: list[Rig] = []

    def make(*models: NumpyModel, **options: Any) -> Rig:
        made.append(Rig(*models, **options))
        return made[-1]

    yield make
    for each in made:
        each.shadow.close()
        each.threads.shutdown()


def rows(count: int, seed: int = 1) -> list[bytes]:
    table = np.random.default_rng(seed).standard_normal((count, 4)).astype(np.float32)
    return [row(f"r{place}", *map(float, features)) for place, features in enumerate(table)]


def first_classes(model: NumpyModel, values: Sequence[bytes]) -> list[int]:
    table = np.array([json.loads(value)["features"] for value in values], np.float32)
    return [int(best) for best in model.scores(table).argmax(axis=1)]


async def test_rows_are_compared_with_what_the_version_that_serves_said(rig: Callable[..., Rig]) -> None:
    served, model, values = NumpyModel(seed=1), NumpyModel(seed=2), rows(50)
    run = rig(served, model)
    await run.rank(*values)
    await run.settled()
    wanted = [
        one == other for one, other in zip(first_classes(served, values), first_classes(model, values), strict=True)
    ]
    assert run.seen.same_top == wanted
    assert 0 < sum(wanted) < 50
    assert run.seen.rows == {"ranked": 50}
    assert all((correlation == 1.0) <= same for correlation, same in zip(run.seen.correlation, wanted, strict=True))


async def test_a_copy_agrees_in_everything(rig: Callable[..., Rig]) -> None:
    run = rig(NumpyModel(labels=LABELS), NumpyModel(labels=LABELS))
    await run.rank(*rows(20))
    await run.settled()
    assert (run.seen.same_top, run.seen.correlation) == ([True] * 20, [1.0] * 20)


async def test_classes_are_compared_by_what_they_are_called(rig: Callable[..., Rig]) -> None:
    served, model = NumpyModel(labels=LABELS), NumpyModel(labels=LABELS[::-1])
    model.weights, model.bias = served.weights[:, ::-1].copy(), served.bias[::-1].copy()
    run = rig(served, model)
    await run.rank(*rows(20))
    await run.settled()
    assert (run.seen.same_top, run.seen.correlation) == ([True] * 20, [1.0] * 20)


async def test_rows_that_are_refused_by_one_of_them_are_not_compared(rig: Callable[..., Rig]) -> None:
    run = rig(NumpyModel(poison=7.0), NumpyModel(poison=8.0, nan=9.0))
    values = rows(20)
    for place, first in ((2, 7.0), (5, 8.0), (11, 9.0)):
        values[place] = row(f"r{place}", first, 1, 2, 3)
    await run.rank(*values, b"no JSON")
    await run.settled()
    assert run.seen.rows == {"ranked": 17, "refused": 2}
    assert (run.seen.same_top, run.seen.correlation) == ([True] * 17, [1.0] * 17)


async def test_where_nothing_is_ranked_there_is_nothing_to_compare(rig: Callable[..., Rig]) -> None:
    run = rig(NumpyModel(poison=7.0), NumpyModel(poison=8.0))
    await run.rank(row("a", 7, 0, 0, 0))
    await run.rank(row("b", 8, 0, 0, 0))
    await run.settled()
    assert (run.seen.rows, run.seen.same_top) == ({"refused": 1}, [])


async def test_a_shadow_with_other_inputs_reads_the_records_itself(rig: Callable[..., Rig]) -> None:
    served, model = NumpyModel(), NumpyModel(features=2)
    spec = model.signature.inputs[0]
    model.signature = type(model.signature)("serving_default", (type(spec)("pair", "float32", (2,)),))
    predict = model.predict
    model.predict = lambda columns: predict({"features": columns["pair"]})  # type: ignore[method-assign]
    run = rig(served, model)
    values = [
        json.dumps({"id": place, "features": [place, 0, 0, 0], "pair": [place, 1]}).encode() for place in range(9)
    ]
    await run.rank(*values, row("without", 1, 2, 3, 4))
    await run.settled()
    assert run.seen.rows == {"ranked": 9, "refused": 1}
    assert len(run.seen.same_top) == 9


async def test_when_it_is_behind_rows_are_dropped_and_nobody_waits(rig: Callable[..., Rig]) -> None:
    model = NumpyModel()
    model.answering.clear()
    run = rig(NumpyModel(), model, max_rows=30)
    for _ in range(4):
        await run.rank(*rows(10))
    assert run.seen.rows == {"dropped": 10}
    model.answering.set()
    await run.settled()
    assert run.seen.rows == {"dropped": 10, "ranked": 30}
    # More than that at once passes when it comes alone.
    await run.rank(*rows(31))
    await run.settled()
    assert run.seen.rows == {"dropped": 10, "ranked": 61}
    assert run.failures == []


async def test_a_shadow_that_is_at_fault_is_told_once_and_leaves_off(rig: Callable[..., Rig]) -> None:
    model = NumpyModel()
    run = rig(NumpyModel(), model)
    model.fail_everything = ModelUnavailable
    for _ in range(3):
        await run.rank(*rows(5))
    await asyncio.wait_for(run.failed.wait(), 10)
    await run.rank(*rows(5))
    await asyncio.sleep(0)
    (failure,) = run.failures
    assert failure.startswith("the model fails, also at attempt 1")
    assert not run.shadow._tasks


async def test_a_shadow_that_hangs_leaves_off(rig: Callable[..., Rig]) -> None:
    model = NumpyModel()
    run = rig(NumpyModel(), model, longest_seconds=0.05)
    model.answering.clear()
    await run.rank(*rows(5))
    await asyncio.wait_for(run.failed.wait(), 10)
    assert run.failures == ["a call of it has not returned for 0.1 s"]
    assert model.answering.is_set()  # its calls were given up


async def test_a_shadow_that_is_slow_drops_rows_and_stays(rig: Callable[..., Rig]) -> None:
    run = rig(NumpyModel(), NumpyModel(delay_seconds=0.03), longest_seconds=0.2, max_rows=60)
    for turn in range(9):
        await run.rank(*rows(20, seed=turn))
    await run.settled()  # 60 rows wait for 8 calls of 8 rows at most, which is longer than a call may last
    assert run.failures == []
    assert run.seen.rows["ranked"] >= 60
    assert run.seen.rows["ranked"] + run.seen.rows["dropped"] == 180


async def test_records_that_it_keeps_count_with_all_their_bytes(rig: Callable[..., Rig]) -> None:
    async def publish(source: int, records: Sequence[Outgoing]) -> int:
        return 0

    large = [json.dumps({"id": place, "features": [1, 2, 3, 4], "rest": "x" * 10_000}).encode() for place in range(3)]
    for keep, dropped in ((publish, 3), (None, 0)):
        run = rig(NumpyModel(), NumpyModel(delay_seconds=0.05), publish=keep, max_bytes=50_000)
        await run.rank(*large)
        await run.rank(*large)
        await run.settled()
        assert run.seen.rows["dropped"] == dropped


async def test_what_the_other_version_refuses_when_it_writes_is_not_compared(rig: Callable[..., Rig]) -> None:
    run = rig(NumpyModel(seed=1, nan=7.0), NumpyModel(seed=1))
    values = rows(5)
    values[1] = row("r1", 7, 0, 0, 0)
    await run.rank(*values)
    await run.settled()
    assert (len(run.seen.same_top), run.seen.rows) == (4, {"ranked": 4})


async def test_its_rankings_go_where_they_are_to_go_as_those_of_the_other_do(rig: Callable[..., Rig]) -> None:
    published: list[tuple[int, Outgoing]] = []

    async def publish(source: int, records: Sequence[Outgoing]) -> int:
        published.extend((source, each) for each in records)
        return 1

    run = rig(NumpyModel(seed=1, poison=7.0), NumpyModel(seed=2), publish=publish)
    values = rows(3)
    values[1] = row("r1", 7, 0, 0, 0)
    await run.rank(*values)
    await run.settled()
    for place, (source, each) in zip((0, 2), published, strict=True):
        assert (source, each.key, json.loads(each.value or b"")["id"]) == (0, b"k%d" % place, f"r{place}")
        assert json.loads(each.value or b"")["model_version"] == "2"
        assert dict(each.headers)["model-version"] == b"2"
        assert dict(each.headers)["source-offset"] == b"%d" % place
    assert run.seen.rows == {"ranked": 2, "unpublished": 1}


async def test_a_topic_that_takes_nothing_ends_it(rig: Callable[..., Rig]) -> None:
    async def publish(source: int, records: Sequence[Outgoing]) -> int:
        raise PublishFailed("beside[0]: the broker refuses")

    run = rig(NumpyModel(), NumpyModel(), publish=publish)
    await run.rank(*rows(3))
    await asyncio.wait_for(run.failed.wait(), 10)
    assert run.failures == ["beside[0]: the broker refuses"]


async def test_a_broker_that_is_away_is_waited_for_longer_than_a_model(rig: Callable[..., Rig]) -> None:
    back = asyncio.Event()

    async def publish(source: int, records: Sequence[Outgoing]) -> int:
        await back.wait()
        return 0

    run = rig(NumpyModel(), NumpyModel(), publish=publish, longest_seconds=0.05, max_rows=10)
    await run.rank(*rows(10))
    await asyncio.sleep(0.1)
    await run.rank(*rows(10, seed=2))
    back.set()
    await run.settled()
    assert (run.failures, run.seen.rows) == ([], {"ranked": 10, "dropped": 10})


async def test_what_is_dropped_before_it_has_begun_leaves_no_trace(rig: Callable[..., Rig]) -> None:
    run = rig(NumpyModel(), NumpyModel())
    fetched = chunk(*(record(place, value) for place, value in enumerate(rows(5))))

    def offer_and_close(there: Ranked) -> None:
        run.shadow.offer(fetched.tp, run.served, there)
        run.shadow.close()  # at once, so that no task has had its turn

    await run.ranking.rank(fetched, "in-0", run.served, offer_and_close)
    await run.settled()
    gc.collect()  # a coroutine that nobody has begun with would complain, and pytest would fail this test
    assert run.failures == []

"""Records that come too late: alone, in shared batches, in lists, and through the real worker."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.assembly import make_ranking
from app.batching import Slice
from app.errors import Expired, Reason, RejectedRecord
from app.freshness import Freshness
from app.kafka.chunk import Chunk
from app.limit import BatchLimit
from app.metrics import Metrics
from app.outcome import Outcome
from app.rankers import make_ranker
from app.scoring import Rows, Scorer
from config.settings import load_settings
from models.numpy_model import NumpyModel
from tests.app.chunks import chunk, record, row
from tests.app.running import in_this_process
from tests.app.test_metrics import samples
from tests.app.test_versions import Shelf, outputs, serving, shelf
from tests.broker.records import Record
from tests.broker.topics import Topics
from tests.models.conftest import tf

__all__ = ["shelf", "tf"]

POISON = 13.0


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def now() -> int:
    return int(time.time() * 1000)


def deadline(at: Any) -> Sequence[tuple[str, bytes | None]]:
    return [("deadline", str(at).encode())]


# -- when a record expires


def test_without_an_age_or_a_deadline_nothing_ever_expires() -> None:
    assert Freshness(0, skip=False).of([record(0), record(1, headers=[("trace", b"1")])]) is None


def test_an_age_counts_from_the_timestamp_and_a_deadline_in_its_stead() -> None:
    records = [
        record(0, timestamp=1000),
        record(1, timestamp=-1),
        record(2, timestamp=1000, headers=deadline(9000)),
        record(3, timestamp=1000, headers=deadline(1200)),
    ]
    expiry = Freshness(500, skip=False).of(records)
    assert expiry is not None
    assert expiry.until.tolist() == [1500, float("inf"), 9000, 1200]
    assert expiry.expired(0, 4, 1200) == {}
    late = expiry.expired(0, 4, 1600)
    assert {row: (why.stage, why.reason, why.message) for row, why in late.items()} == {
        0: (
            "expired",
            Reason.MAX_AGE,
            "it was written 600 ms before its batch was formed; FRESHNESS_MAX_AGE_MS allows 500",
        ),
        3: ("expired", Reason.DEADLINE, "its deadline was 400 ms before its batch was formed"),
    }
    assert expiry.expired(3, 4, 1600).keys() == {0}
    assert expiry.take([3, 0]).until.tolist() == [1200, 1500]


@pytest.mark.parametrize("value", [b"", b"soon", b"-5", b"1.5", b"1e3", b"9" * 16, None, "\u0661".encode()])
def test_a_deadline_that_is_no_number_counts_for_nothing(value: bytes | None) -> None:
    records = [record(0, timestamp=1000, headers=[("deadline", value)])]
    assert Freshness(0, skip=False).of(records) is None
    expiry = Freshness(500, skip=False).of(records)
    assert expiry is not None
    assert expiry.until.tolist() == [1500]


def test_the_last_deadline_counts() -> None:
    expiry = Freshness(0, skip=False).of([record(0, headers=[*deadline(1), *deadline(" 2 "), ("trace", b"3")])])
    assert expiry is not None
    assert expiry.until.tolist() == [2]


# -- in batches


class Rig:
    """A model, four rows at a time, and who counts."""

    def __init__(self, threads: ThreadPoolExecutor, **variables: str) -> None:
        required = {"INPUT_TOPIC": "in", "OUTPUT_TOPIC": "out", "MODEL_PATH": "model", "RANK_TOP_K": "0"}
        settings = load_settings(required | variables, env_file=None)
        by_candidates = settings.rank.by == "candidates"
        self.model = NumpyModel(classes=1 if by_candidates else 3, top_k=0, poison=POISON)
        self.asked: list[int] = []
        predict = self.model.predict
        self.model.predict = lambda columns: self.asked.append(len(columns["features"])) or predict(columns)  # type: ignore[method-assign,func-returns-value]
        self.ranker = make_ranker(settings, self.model)
        self.scorer = Scorer(threads, lambda _: None, limit=BatchLimit(4))
        self.ranking = make_ranking(settings, self.scorer, Metrics())

    async def rank(self, fetched: Chunk) -> list[Outcome]:
        return await asyncio.wait_for(self.ranking.rank(fetched, "in-0", self.ranker), 30)


def reasons(outcomes: Sequence[Outcome]) -> list[str]:
    return [each.reason if isinstance(each, RejectedRecord) else "ranked" for each in outcomes]


async def test_what_is_late_is_not_scored_and_its_neighbours_are(threads: ThreadPoolExecutor) -> None:
    rig = Rig(threads, FRESHNESS_MAX_AGE_MS="60000")
    fresh, old = now(), now() - 70_000
    values = [row(f"r{place}", POISON if place == 5 else place, 1, 2, 3) for place in range(10)]
    written = [old if place % 3 == 0 else fresh for place in range(10)]
    fetched = chunk(*(record(place, values[place], timestamp=written[place]) for place in range(10)))
    outcomes = await rig.rank(fetched)
    wanted = ["max_age" if place % 3 == 0 else "model_error" if place == 5 else "ranked" for place in range(10)]
    assert reasons(outcomes) == wanted
    alone = await Rig(threads).rank(chunk(*(record(place, values[place]) for place in (1, 2, 4, 7, 8))))
    assert [outcomes[place] for place in (1, 2, 4, 7, 8)] == alone


async def test_where_all_are_late_the_model_is_not_asked(threads: ThreadPoolExecutor) -> None:
    rig = Rig(threads)
    late = chunk(*(record(place, row("r", 1, 2, 3, 4), headers=deadline(now() - 1000)) for place in range(6)))
    assert reasons(await rig.rank(late)) == ["deadline"] * 6
    assert rig.asked == []


async def test_time_passes_while_a_record_waits_for_its_batch(threads: ThreadPoolExecutor) -> None:
    rig = Rig(threads, BATCH_MAX_IN_FLIGHT="1")
    rig.model.answering.clear()
    soon = now() + 300
    first = asyncio.ensure_future(rig.rank(chunk(record(0, row("a", 1, 2, 3, 4)))))
    while not rig.asked:
        await asyncio.sleep(0.01)
    second = asyncio.ensure_future(rig.rank(chunk(record(1, row("b", 1, 2, 3, 4), headers=deadline(soon)))))
    while now() <= soon:
        await asyncio.sleep(0.02)
    rig.model.answering.set()
    assert reasons([*await first, *await second]) == ["ranked", "deadline"]


async def test_slices_of_several_chunks_are_told_apart(threads: ThreadPoolExecutor) -> None:
    rig = Rig(threads)
    freshness = Freshness(0, skip=True)
    blocks = []
    for late in ([0], [], [0, 1]):
        records = [record(place, headers=deadline(1 if place in late else now() + 60_000)) for place in range(2)]
        features = rig.ranker.decoder.decode([record(0, row("r", 1, 2, 3, 4))] * 2, "in-0").groups[0].columns
        blocks.append(Rows(features, rig.model, freshness.of(records)))
    scored = await rig.scorer([Slice(block, 0, 2) for block in blocks])
    assert [sorted(each.refused) for each in scored] == [[0], [], [0, 1]]
    assert [None if each.ranking is None else len(each.ranking.scores) for each in scored] == [1, 2, None]
    assert all(isinstance(why, Expired) and why.skipped for each in scored for why in each.refused.values())
    assert rig.asked == [3]


@pytest.mark.parametrize("errors", ["reject_record", "drop_candidate"])
async def test_a_list_expires_as_a_whole(errors: str, threads: ThreadPoolExecutor) -> None:
    rig = Rig(threads, RANK_BY="candidates", CANDIDATE_ERRORS=errors)
    value = json.dumps({"candidates": [{"features": [place, 1, 2, 3]} for place in range(6)]}).encode()
    fetched = chunk(record(0, value), record(1, value, headers=deadline(now() - 1)), record(2, b'{"candidates": []}'))
    first, second, third = await rig.rank(fetched)
    assert reasons([first, second, third]) == ["ranked", "deadline", "ranked"]
    assert isinstance(first, bytes)
    assert len(json.loads(first)["predictions"]) == 6


# -- through the worker


@pytest.mark.parametrize("action", ["dead_letter", "skip"])
async def test_late_records_leave_a_dead_letter_or_nothing_and_are_committed(
    action: str, topics: Topics, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_this_process(monkeypatch)
    async with serving(topics, shelf, FRESHNESS_ACTION=action) as run:
        records = [
            Record(json.dumps({"id": place, "x": [1.0, 1.0]}).encode(), b"k", headers=deadline(at), partition=0)
            for place, at in enumerate((now() - 5000, now() + 60_000, now() - 5000, "soon"))
        ]
        await asyncio.to_thread(topics.client.write, topics.input, records)
        await run.until(lambda: run.count("published") + run.count("expired") == 4)
        assert (run.count("published"), run.count("expired"), run.count("dead_lettered")) == (2, 2, 0)
        letters = samples(run.worker._metrics).get(("streamrank_dead_letters_total", "deadline", "expired"), 0)
        assert letters == (2 if action == "dead_letter" else 0)
        await asyncio.to_thread(topics.client.wait_until_committed, topics.input, topics.group)
    assert (await asyncio.to_thread(outputs, topics)).keys() == {1, 3}
    found = [dict(each.headers) for each in await asyncio.to_thread(topics.client.read_all, topics.dead_letters)]
    assert [(each["error-stage"], each["source-offset"]) for each in found] == (
        [(b"expired", b"0"), (b"expired", b"2")] if action == "dead_letter" else []
    )

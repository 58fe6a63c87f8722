"""Who ranks which records of a chunk, with real decoders, batchers and encoders."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from app.assembly import make_ranking
from app.backoff import Backoff
from app.canary import Canary
from app.errors import ModelFailed, RejectedRecord
from app.kafka.chunk import Chunk
from app.limit import BatchLimit
from app.metrics import Metrics
from app.outcome import Outcome, Outcomes
from app.patrol import Patrol
from app.ranker import Ranker
from app.rankers import make_ranker
from app.records import Incoming
from app.scoring import Scorer
from app.traffic import Traffic
from config.settings import load_settings
from models.errors import ModelUnavailable
from models.numpy_model import NumpyModel
from tests.app.chunks import chunk, record, row

SETTINGS = load_settings({"INPUT_TOPIC": "in", "OUTPUT_TOPIC": "out", "MODEL_PATH": "model"}, env_file=None)
POISON = 13.0


class Side:
    """One version, and its way."""

    def __init__(self, version: str, threads: ThreadPoolExecutor, **options: Any) -> None:
        self.model = NumpyModel(seed=int(version), **options)
        self.model.version = version
        self.ranker = make_ranker(SETTINGS, self.model)
        self.scorer = Scorer(threads, lambda _: None, limit=BatchLimit(64), backoff=Backoff(pauses=0))
        self.ranking = make_ranking(SETTINGS, self.scorer, Metrics())


class Rig:
    """Version 1 serves, version 2 is the canary of every key that its share takes."""

    def __init__(self, threads: ThreadPoolExecutor, share: float, **options: Any) -> None:
        self.one, self.two = Side("1", threads, poison=POISON), Side("2", threads, **options)
        self.current: Ranker = self.one.ranker
        patrol = Patrol(lambda: self.two.scorer.longest_call_seconds, 0.5)
        self.canary: Canary | None = Canary(self.two.ranker, self.two.ranking, patrol, share=share)
        self.shadow = None
        self.served: list[tuple[int, int]] = []
        self.again: list[tuple[int, int]] = []
        self.by_canary: list[tuple[int, int, int]] = []
        self.failures: list[str] = []
        self.traffic = Traffic(self, self, self.one.ranking)

    def ranked(
        self, records: Sequence[Incoming], outcomes: Sequence[Outcome], ranker: Ranker, *, again: bool = False
    ) -> None:
        assert ranker is self.one.ranker
        refused = sum(isinstance(outcome, RejectedRecord) for outcome in outcomes)
        (self.again if again else self.served).append((len(records), refused))

    def instead_of(self, ranker: Ranker, error: ModelFailed) -> None:
        pass

    def canary_ranked(self, canary: Canary, ranked: int, refused: int, wrongly: int) -> None:
        assert canary is self.canary
        self.by_canary.append((ranked, refused, wrongly))

    def canary_failed(self, canary: Canary, error: ModelFailed) -> None:
        self.failures.append(str(error))


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def records(count: int, special: dict[int, float] | None = None) -> Chunk:
    random = Random(count)
    features = [[random.random() for _ in range(4)] for _ in range(count)]
    for place, value in (special or {}).items():
        features[place][0] = value
    return chunk(*(record(place, row(f"r{place}", *each), key=b"%d" % place) for place, each in enumerate(features)))


def versions(outcomes: Outcomes) -> list[str]:
    """The version of each record, told the same by value and headers; records stand in their order."""
    told = []
    for place, (outcome, factory) in enumerate(zip(outcomes, outcomes.factories, strict=True)):
        if isinstance(outcome, RejectedRecord):
            told.append(outcome.reason)
            continue
        value = json.loads(outcome)
        assert value["id"] == f"r{place}"
        (published,) = factory.predictions(chunk(record(0)).tp, [record(place)], [outcome])
        assert dict(published.headers)["model-version"] == value["model_version"].encode()
        told.append(value["model_version"])
    return told


async def test_a_key_of_the_canarys_is_ranked_by_it_and_all_others_by_the_version_that_serves(
    threads: ThreadPoolExecutor,
) -> None:
    rig, fetched = Rig(threads, 0.3), records(100)
    assert rig.canary is not None
    theirs = set(rig.canary.places(fetched))
    told = versions(await rig.traffic.outcomes(fetched))
    assert told == ["2" if place in theirs else "1" for place in range(100)]
    assert (rig.served, rig.by_canary, rig.failures) == ([(100 - len(theirs), 0)], [(len(theirs), 0, 0)], [])


async def test_without_a_canary_or_keys_of_its_the_version_that_serves_ranks_all(threads: ThreadPoolExecutor) -> None:
    rig = Rig(threads, 0.0)
    assert versions(await rig.traffic.outcomes(records(10))) == ["1"] * 10
    rig.canary = None
    assert versions(await rig.traffic.outcomes(records(10))) == ["1"] * 10
    assert rig.by_canary == []


async def test_a_canary_may_rank_all(threads: ThreadPoolExecutor) -> None:
    rig = Rig(threads, 1.0)
    assert versions(await rig.traffic.outcomes(records(10))) == ["2"] * 10
    assert rig.served == []


async def test_what_the_canary_refuses_the_version_that_serves_ranks_or_refuses(threads: ThreadPoolExecutor) -> None:
    rig = Rig(threads, 1.0, poison=7.0, nan=5.0)
    fetched = records(20, {3: 7.0, 4: 5.0, 9: POISON})
    told = versions(await rig.traffic.outcomes(fetched))
    # The canary has no fault to find with the poison of the other; nobody asks that one about it then.
    assert told == ["1" if place in {3, 4} else "2" for place in range(20)]
    assert (rig.served, rig.again, rig.by_canary) == ([], [(2, 0)], [(18, 2, 2)])

    rig = Rig(threads, 1.0, poison=POISON)
    told = versions(await rig.traffic.outcomes(fetched))
    assert told == ["model_error" if place == 9 else "2" for place in range(20)]
    # Both refuse it: that says nothing against the canary.
    assert (rig.served, rig.again, rig.by_canary) == ([], [(1, 1)], [(19, 1, 0)])


async def test_a_record_that_is_no_record_is_refused_by_the_version_that_serves(threads: ThreadPoolExecutor) -> None:
    rig = Rig(threads, 1.0)
    outcomes = await rig.traffic.outcomes(chunk(record(0, b"no JSON", key=b"a"), record(1, row("r1", 1, 2, 3, 4))))
    assert versions(outcomes) == ["invalid_json", "2"]
    assert outcomes.factories[0] is rig.one.ranker.records


async def test_a_canary_that_is_at_fault_or_hangs_costs_no_record(threads: ThreadPoolExecutor) -> None:
    rig = Rig(threads, 0.5)
    rig.two.model.fail_everything = ModelUnavailable
    assert versions(await rig.traffic.outcomes(records(20))) == ["1"] * 20
    rig.two.model.fail_everything = None
    rig.two.model.answering.clear()
    assert versions(await rig.traffic.outcomes(records(20))) == ["1"] * 20
    rig.two.model.answering.set()
    assert [failure.partition(":")[0] for failure in rig.failures] == [
        "the model fails, also at attempt 1",
        "a call of it has not returned for 0.5 s",
    ]
    # Told as a failure, not as refusals too.
    assert rig.by_canary == []


async def test_where_the_version_that_serves_is_at_fault_the_chunk_is(threads: ThreadPoolExecutor) -> None:
    rig = Rig(threads, 0.5)
    rig.one.model.fail_everything = ModelUnavailable
    with pytest.raises(ModelFailed):
        await asyncio.wait_for(rig.traffic.outcomes(records(20)), 10)

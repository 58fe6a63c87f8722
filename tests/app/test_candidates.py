"""Lists of candidates through decoder, batcher, model and encoder, beside a plain recomputation."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import numpy as np
import pytest

import app.codecs.candidates
from app.assembly import make_ranking
from app.backoff import Backoff
from app.codecs.json import RowGroup
from app.errors import ModelFailed, Reason, RejectedRecord, StartFailed, VersionRefused
from app.limit import BatchLimit
from app.list_scores import Answer
from app.metrics import Metrics
from app.outcome import Outcome
from app.rankers import make_ranker
from app.scoring import Scorer
from app.trial import examine
from config.settings import load_settings
from models.errors import ModelUnavailable
from models.numpy_model import NumpyModel
from models.topk import best_classes
from tests.app.chunks import chunk, record
from tests.app.test_metrics import samples

POISON, NAN = 13.0, 17.0


class Rig:
    """A model that ranks candidates, eight rows at a time."""

    def __init__(self, threads: ThreadPoolExecutor, *, classes: int = 1, labels: Any = None, **variables: str) -> None:
        required = {"INPUT_TOPIC": "in", "OUTPUT_TOPIC": "out", "MODEL_PATH": "model", "RANK_BY": "candidates"}
        self.settings = settings = load_settings(required | {"RANK_TOP_K": "0"} | variables, env_file=None)
        self.model = NumpyModel(seed=3, classes=classes, top_k=0, labels=labels, poison=POISON, nan=NAN)
        self.sizes: list[int] = []
        self.metrics = Metrics()
        self.ranker = make_ranker(settings, self.model)
        scorer = Scorer(threads, lambda _: None, limit=BatchLimit(8), backoff=Backoff(pauses=0))
        self.ranking = make_ranking(settings, scorer, self.metrics)

    async def rank(self, *records: Any) -> list[Outcome]:
        values = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in records]
        fetched = chunk(*(record(place, value) for place, value in enumerate(values)))
        return await asyncio.wait_for(self.ranking.rank(fetched, "in-0", self.ranker), 30)

    def count(self, outcome: str) -> float:
        return samples(self.metrics).get(("streamrank_candidates_total", outcome), 0)

    def best(self, listed: Sequence[dict[str, Any]], column: int = 0) -> list[tuple[Any, float]]:
        """What Python makes of the model's scores."""
        features = np.array([each["features"] for each in listed], np.float32).reshape(-1, 4)
        scores = self.model.scores(features)[:, column].tolist() if listed else []
        order = sorted(range(len(listed)), key=lambda place: -scores[place])
        return [(listed[place].get("id", str(place)), scores[place]) for place in order]


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def entries(outcome: Outcome) -> list[tuple[Any, float]]:
    assert isinstance(outcome, bytes), outcome
    found = json.loads(outcome)["predictions"]
    assert [each["rank"] for each in found] == list(range(1, len(found) + 1))
    return [(each["label"], float(np.float32(each["score"]))) for each in found]


def refused(outcome: Outcome) -> tuple[Reason, str]:
    assert isinstance(outcome, RejectedRecord)
    return outcome.reason, outcome.message


def horses(random: Random, count: int) -> list[dict[str, Any]]:
    return [{"id": f"h{place}", "features": [random.uniform(-1, 1) for _ in range(4)]} for place in range(count)]


async def test_lists_of_all_lengths_are_ranked_each_by_itself(threads: ThreadPoolExecutor) -> None:
    rig, random = Rig(threads), Random(1)
    lists = [horses(random, count) for count in (3, 0, 1, 40, 8, 2)]  # one is longer than five batches
    outcomes = await rig.rank(*({"id": place, "candidates": each} for place, each in enumerate(lists)))
    for place, (outcome, listed) in enumerate(zip(outcomes, lists, strict=True)):
        assert entries(outcome) == rig.best(listed)
        assert json.loads(outcome)["id"] == place
    assert (rig.count("ranked"), rig.count("dropped")) == (54, 0)


async def test_what_is_shared_reaches_every_candidate_and_its_own_wins(threads: ThreadPoolExecutor) -> None:
    rig = Rig(threads)
    own = {"id": "b", "features": [4, 3, 2, 1]}
    (outcome,) = await rig.rank({"features": [1, 2, 3, 4], "candidates": [{"id": "a"}, own, {}]})
    listed = [{"id": "a", "features": [1, 2, 3, 4]}, own, {"id": "2", "features": [1, 2, 3, 4]}]
    assert entries(outcome) == rig.best(listed)


@pytest.mark.parametrize(
    ("value", "reason", "message"),
    [
        (
            POISON,
            Reason.MODEL_ERROR,
            "candidate 'h2': the model refuses this record: a row's first feature is the poison",
        ),
        (NAN, Reason.NON_FINITE_SCORE, "candidate 'h2': the score is nan"),
        ("x", Reason.WRONG_TYPE, 'candidates[2]: features[0]: "x"; expected a number (float32)'),
    ],
)
async def test_one_bad_candidate_costs_the_record_or_only_itself(
    value: Any, reason: Reason, message: str, threads: ThreadPoolExecutor
) -> None:
    random = Random(2)
    good, listed = horses(random, 6), horses(random, 9)
    listed[2]["features"][0] = value
    records = [{"candidates": good}, {"candidates": listed}, {"candidates": good}]

    rig = Rig(threads)
    first, second, third = await rig.rank(*records)
    assert entries(first) == entries(third) == rig.best(good)
    told = refused(second)
    assert (told[0], told[1][: len(message)]) == (reason, message)
    assert (rig.count("ranked"), rig.count("dropped")) == (12, 0)

    rig = Rig(threads, CANDIDATE_ERRORS="drop_candidate")
    first, second, third = await rig.rank(*records)
    assert entries(second) == rig.best(listed[:2] + listed[3:])
    assert [json.loads(each)["dropped"] for each in (first, second, third)] == [0, 1, 0]
    assert (rig.count("ranked"), rig.count("dropped")) == (20, 1)


async def test_a_record_of_bad_candidates_alone_is_refused_whatever_is_dropped(threads: ThreadPoolExecutor) -> None:
    rig = Rig(threads, CANDIDATE_ERRORS="drop_candidate")
    poisoned = [{"id": name, "features": [POISON, 0, 0, 0]} for name in "ab"]
    (outcome,) = await rig.rank({"candidates": poisoned})
    assert refused(outcome)[0] == Reason.MODEL_ERROR


async def test_scores_that_are_no_numbers_may_be_published_and_come_last(threads: ThreadPoolExecutor) -> None:
    rig, listed = Rig(threads, MODEL_NON_FINITE="publish"), horses(Random(3), 4)
    listed[1]["features"][0] = NAN
    (outcome,) = await rig.rank({"candidates": listed})
    assert isinstance(outcome, bytes)
    found = json.loads(outcome)["predictions"]
    assert (found[-1]["label"], found[-1]["score"]) == ("h1", None)


async def test_the_best_are_kept_and_those_above_a_score(threads: ThreadPoolExecutor) -> None:
    listed = horses(Random(4), 9)
    for variables in ({"RANK_TOP_K": "3"}, {"RANK_MIN_SCORE": "0.25"}, {"RANK_TOP_K": "2", "RANK_MIN_SCORE": "0.25"}):
        rig = Rig(threads, **variables)
        (outcome,) = await rig.rank({"candidates": listed})
        wanted = [each for each in rig.best(listed) if each[1] >= float(variables.get("RANK_MIN_SCORE", "-9"))]
        assert entries(outcome) == wanted[: int(variables.get("RANK_TOP_K", "9"))]


@pytest.mark.parametrize(("labels", "wanted"), [(None, "1"), (("lose", "win", "draw"), "win"), (("1", "0", "2"), "0")])
async def test_of_several_scores_one_is_picked_by_its_label_or_number(
    labels: Any, wanted: str, threads: ThreadPoolExecutor
) -> None:
    rig, listed = Rig(threads, classes=3, labels=labels, MODEL_SCORE_COLUMN=wanted), horses(Random(5), 20)
    (outcome,) = await rig.rank({"candidates": listed})
    assert entries(outcome) == rig.best(listed, column=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "MODEL_SCORE_COLUMN is missing: the model gives 3 scores for a candidate; name one of them"),
        ({"MODEL_SCORE_COLUMN": "3"}, "MODEL_SCORE_COLUMN=3: the model gives 3 scores"),
        (
            {"MODEL_SCORE_COLUMN": "won", "labels": ("lose", "win", "draw")},
            "MODEL_SCORE_COLUMN=won: the model gives 3 scores, labelled lose, win, draw",
        ),
    ],
)
def test_where_it_is_not_clear_what_ranks_the_start_ends(
    options: dict[str, Any], message: str, threads: ThreadPoolExecutor
) -> None:
    with pytest.raises(StartFailed) as caught:
        Rig(threads, classes=3, **options)
    assert str(caught.value) == message


async def test_a_model_at_fault_is_no_record_s_fault(threads: ThreadPoolExecutor) -> None:
    rig = Rig(threads)
    rig.model.fail_everything = ModelUnavailable
    with pytest.raises(ModelFailed):
        await rig.rank({"candidates": horses(Random(6), 3)})


async def test_many_long_lists_are_ranked_a_portion_at_a_time(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.codecs.candidates, "PORTION_BYTES", 10_000)
    rig, random = Rig(threads), Random(7)
    lists = [horses(random, count) for count in (30, 0, 5, 40, 1, 2, 60)]
    outcomes = await rig.rank(*({"id": place, "candidates": each} for place, each in enumerate(lists)), b"no JSON")
    assert refused(outcomes.pop())[0] == Reason.INVALID_JSON
    assert [entries(outcome) for outcome in outcomes] == [rig.best(listed) for listed in lists]


async def test_candidates_that_share_much_and_others_keep_their_scores(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.codecs.candidates, "_HEAVY_BYTES", 500)
    rig, random = Rig(threads), Random(8)
    heavy = [{"id": f"s{place}"} if place % 3 else horses(random, 1)[0] | {"id": f"o{place}"} for place in range(40)]
    common = [random.uniform(-1, 1) for _ in range(4)]
    wide, listed = {"features": common, "candidates": heavy}, horses(random, 9)
    assert len(rig.ranker.decoder.decode([record(0, json.dumps(wide).encode())], "in-0").groups) == 2
    first, second = await rig.rank(wide, {"candidates": listed})
    assert entries(second) == rig.best(listed)
    assert entries(first) == rig.best([{"features": common} | each for each in heavy])


@pytest.mark.parametrize(("scores", "width"), [(2, 3), (4, 3), (1, 3)])
def test_scores_for_another_number_of_candidates_are_the_model_s_fault(scores: int, width: int) -> None:
    group = RowGroup([0], ["r"], {}, width, 0)
    ranking = best_classes(np.zeros((1, scores), np.float32), 0)
    with pytest.raises(ModelFailed, match=f"gave {scores} scores for a list of {width}"):
        Answer.of(group, [ranking], {}, column=0, width=width)
    with pytest.raises(ModelFailed, match=f"gave {scores} scores a row; MODEL_SCORE_COLUMN=7 is not among them"):
        Answer.of(group, [ranking], {}, column=7, width=None)


@pytest.mark.parametrize(("errors", "taken"), [("reject_record", False), ("drop_candidate", True)])
def test_a_new_version_is_judged_as_records_are(errors: str, taken: bool, threads: ThreadPoolExecutor) -> None:
    rig = Rig(threads, CANDIDATE_ERRORS=errors)
    listed = horses(Random(9), 5)
    listed[2]["features"][0] = NAN
    values = [json.dumps({"candidates": each}).encode() for each in (listed, [])]
    if taken:
        assert examine(rig.settings, rig.model, values).predictor is rig.model
    else:
        with pytest.raises(VersionRefused, match="it does not rank recent records: candidate 'h2': the score is nan"):
            examine(rig.settings, rig.model, values)

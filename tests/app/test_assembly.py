"""Settings reach the parts that they are for."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faust.types import TP

from app.assembly import load_predictor, local, make_catch_up, make_pipeline, make_ranking, make_scorer, make_target
from app.kafka.producer import Refusal
from app.kafka.routing import Router
from app.metrics import Metrics
from app.progress import Progress
from app.rankers import make_ranker
from app.records import Outgoing
from app.rollout import Rollout
from app.scoring import Scorer
from app.target import Queue
from app.traffic import Traffic
from app.tryout import Tryout
from config.settings import Settings, load_settings
from models.errors import ModelNotUsable
from models.numpy_model import NumpyModel
from models.predictor import Predictor
from tests.app.alone import nothing_beside
from tests.app.chunks import TOPIC, chunk, record, row
from tests.app.test_metrics import samples

LABELS = ("one", "two", "three")


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


def settings(**variables: str) -> Settings:
    required = {"INPUT_TOPIC": TOPIC, "OUTPUT_TOPIC": "out", "MODEL_PATH": "model"}
    return load_settings({**required, **variables}, env_file=None)


LOOKS = """
import sys
from tensorflow.python.eager.context import Context
from app.assembly import load_predictor
from config.settings import load_settings
from models import device

seen, looks = [], Context._initialize_physical_devices
Context._initialize_physical_devices = lambda *a, **k: (seen.append("TensorFlow looks"), looks(*a, **k))
device.load_cusolver = lambda _: seen.append("libcusolver is there")
load_predictor(load_settings(dict(pair.split("=") for pair in sys.argv[1:]), env_file=None), lambda _: None)
print(*dict.fromkeys(seen), sep="; ")
"""


@pytest.mark.parametrize(
    "threads", [["MODEL_INTRA_OP_THREADS=1"], ["MODEL_INTER_OP_THREADS=1"], ["MODEL_CANARY_VERSION=2"]]
)
def test_nobody_makes_tensorflow_look_for_gpus_before_the_library_is_loaded_that_it_would_miss(
    mlp_path: Path, threads: list[str]
):
    told = ["INPUT_TOPIC=in", "OUTPUT_TOPIC=out", f"MODEL_PATH={mlp_path}", "MODEL_DEVICE=auto", *threads]
    done = subprocess.run([sys.executable, "-c", LOOKS, *told], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "libcusolver is there; TensorFlow looks\n"


class Paper:
    """A client and producer that notes what it is given."""

    hold_seconds = 0.0
    trouble = None

    def __init__(self) -> None:
        self.published: list[tuple[str, int, Outgoing]] = []

    def partition_count(self, topic: str) -> int:
        return 1 if topic == TOPIC else 2

    async def open(self) -> None:
        pass

    async def commit(self, offset: int) -> None:
        pass

    async def close(self) -> None:
        pass

    async def publish(self, topic: str, partition: int, records: Sequence[Outgoing]) -> dict[int, Refusal]:
        self.published += [(topic, partition, each) for each in records]
        return {}


def alone(given: Settings, predictor: Predictor, scorer: Scorer, metrics: Metrics) -> Any:
    """Ranks with *predictor*, and nothing beside it."""
    tryout = Tryout(given, lambda _: predictor, metrics)
    beside, ranker = nothing_beside(tryout, metrics), make_ranker(given, predictor)
    rollout = Rollout(given, ranker, tryout=tryout, beside=beside, limit=scorer.limit, observer=metrics)
    return Traffic(rollout, beside, make_ranking(given, scorer, metrics)).outcomes


async def rank(executor: ThreadPoolExecutor, predictor: Predictor, *values: bytes, **variables: str) -> Any:
    """What becomes of records with these values under these settings: publisher, metrics, failures."""
    paper, metrics, failures = Paper(), Metrics(), []
    given = settings(**variables)
    scorer = make_scorer(given, executor=executor, metrics=metrics, progress=Progress())
    pipeline = make_pipeline(
        given,
        rank=alone(given, predictor, scorer, metrics),
        producer_for=lambda _: paper,
        router=Router(paper.partition_count, TOPIC),
        metrics=metrics,
        on_lost=lambda _: None,
        on_fenced=lambda _: None,
        on_failure=failures.append,
    )
    await pipeline.open_partition(TP(TOPIC, 0), 0)
    done = asyncio.Event()
    fetched = chunk(*(record(place, value, key=b"abc") for place, value in enumerate(values)))
    pipeline.accept([fetched], lambda _: done.set())
    await asyncio.wait_for(done.wait(), 30)
    await pipeline.partitions_revoked()
    assert failures == []
    return paper.published, samples(metrics)


async def test_the_settings_of_input_and_ranking_are_kept(executor: ThreadPoolExecutor):
    values = [json.dumps({"name": {"of": f"n{place}"}, "sensor": [place, 0, 0, 0]}).encode() for place in range(3)]
    published, _ = await rank(
        executor,
        NumpyModel(labels=LABELS),
        *values,
        b" " * 200,
        INPUT_FIELDS='{"features": "sensor"}',
        RECORD_ID_FIELD="name.of",
        RECORD_MAX_BYTES="199",
        RANK_MIN_SCORE="0.1",
        DEAD_LETTER_TOPIC="letters",
    )
    outputs = [json.loads(each.value) for topic, _, each in published if topic == "out"]
    assert [each["id"] for each in outputs] == ["n0", "n1", "n2"]
    entries = [entry for each in outputs for entry in each["predictions"]]
    assert {entry["label"] for entry in entries} <= set(LABELS)
    assert 0 < len(entries) < 9
    assert min(entry["score"] for entry in entries) >= 0.1
    (letter,) = [each for topic, _, each in published if topic == "letters"]
    assert dict(letter.headers)["error-reason"] == b"too_large"
    assert dict(letter.headers)["model-name"] == b"numpy"


async def test_records_go_by_key_where_the_topics_differ_and_batches_are_as_large_as_told(
    executor: ThreadPoolExecutor,
):
    values = [row(f"r{place}", place, 0, 0, 0) for place in range(5)]
    published, found = await rank(executor, NumpyModel(), *values, BATCH_MAX_SIZE="2")
    assert {partition for _, partition, _ in published} == {479470107 % 2}  # murmur2 of b"abc"
    assert (found["streamrank_batch_rows_count",], found["streamrank_batch_rows_sum",]) == (3, 5)
    for stage in ("decode", "queue", "predict", "encode", "publish"):
        assert found["streamrank_stage_seconds_count", stage] >= 1


async def test_scores_that_are_not_finite_are_published_where_the_settings_say_so(executor: ThreadPoolExecutor):
    values = [row(f"r{place}", place, 0, 0, 0) for place in range(3)]
    published, _ = await rank(executor, NumpyModel(nan=1), *values, MODEL_NON_FINITE="publish")
    entries = {json.loads(each.value)["id"]: json.loads(each.value)["predictions"] for _, _, each in published}
    assert [entry["score"] for entry in entries["r1"]] == [None] * 3
    assert all(entry["score"] is not None for entry in entries["r0"] + entries["r2"])
    published, found = await rank(executor, NumpyModel(nan=1), *values)
    assert found["streamrank_dead_letters_total", "non_finite_score", "predict"] == 1


async def test_the_largest_batch_and_how_often_memory_ran_out_are_told(executor: ThreadPoolExecutor):
    values = [row(f"r{place}", place, 0, 0, 0) for place in range(8)]
    _, found = await rank(executor, NumpyModel(), *values, BATCH_MAX_SIZE="16")
    assert (found["streamrank_batch_limit_rows",], found["streamrank_out_of_memory_total",]) == (16, 0)
    short = NumpyModel()
    short.out_of_memory_above = 2
    published, found = await rank(executor, short, *values)
    assert [json.loads(each.value)["id"] for _, _, each in published] == [f"r{place}" for place in range(8)]
    assert (found["streamrank_batch_limit_rows",], found["streamrank_out_of_memory_total",]) == (2, 2)


async def test_revoked_partitions_may_take_half_the_session_timeout(executor: ThreadPoolExecutor):
    given, paper, metrics, model = settings(KAFKA_SESSION_TIMEOUT_MS="6000"), Paper(), Metrics(), NumpyModel()
    scorer = make_scorer(given, executor=executor, metrics=metrics, progress=Progress())
    pipeline = make_pipeline(
        given,
        rank=alone(given, model, scorer, metrics),
        producer_for=lambda _: paper,
        router=Router(paper.partition_count, TOPIC),
        metrics=metrics,
        on_lost=lambda _: None,
        on_fenced=lambda _: None,
        on_failure=lambda _: None,
    )
    assert pipeline.drain_seconds == 3.0


def test_a_predictor_is_loaded_as_the_settings_say_and_comes_warm(mlp_path: Path, tmp_path: Path):
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"class {number}\n" for number in range(10)))
    predictor = load_predictor(
        settings(
            MODEL_PATH=str(mlp_path),
            MODEL_NAME="mine",
            MODEL_DEVICE="cpu",
            MODEL_LABELS_PATH=str(labels),
            RANK_TOP_K="3",
        )
    )
    assert (predictor.name, predictor.version, predictor.device) == ("mine", "unversioned", "cpu")
    assert predictor.labels is not None
    assert predictor.labels[9] == "class 9"
    assert predictor.predict({"features": np.zeros((2, 32), np.float32)}).scores.shape == (2, 3)


def test_the_model_is_called_with_the_allowed_sizes_only_and_what_fills_a_batch_up_is_counted(mlp_path: Path):
    metrics = Metrics()
    predictor = load_predictor(
        settings(MODEL_PATH=str(mlp_path), MODEL_DEVICE="cpu", BATCH_ALLOWED_SIZES="4,16", MODEL_XLA="on"),
        metrics.padded,
    )
    warm = samples(metrics)["streamrank_padding_rows_total",]
    assert (predictor.largest_batch, warm) == (16, 0)
    assert predictor.predict({"features": np.zeros((21, 32), np.float32)}).scores.shape == (21, 5)
    assert samples(metrics)["streamrank_padding_rows_total",] == 11


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"MODEL_PATH": "nowhere"}, "MODEL_PATH=nowhere: model path nowhere: no such folder"),
        ({"MODEL_VERSION": "7"}, "MODEL_PATH={model}: model path {model} is a SavedModel without versions"),
        ({"MODEL_LABELS_PATH": "nowhere"}, "MODEL_LABELS_PATH=nowhere: labels file nowhere: No such file"),
        ({"MODEL_SIGNATURE": "other"}, "MODEL_PATH={model}: the model has no signature 'other'"),
        ({"MODEL_DEVICE": "gpu:99"}, "MODEL_DEVICE=gpu:99: device 'gpu:99' is not there"),
        ({"MODEL_XLA": "on"}, "MODEL_XLA=on needs BATCH_ALLOWED_SIZES, such as 8,64,512: XLA compiles the model for"),
        (
            {"MODEL_INTRA_OP_THREADS": "97"},
            "MODEL_INTRA_OP_THREADS=97, MODEL_INTER_OP_THREADS=0: TensorFlow runs already",
        ),
    ],
)
def test_a_model_that_cannot_be_used_is_an_error_that_names_the_variable(
    mlp_path: Path, wrong: dict[str, str], message: str
):
    with pytest.raises(ModelNotUsable, match=f"^{re.escape(message.format(model=mlp_path))}"):
        load_predictor(settings(**{"MODEL_PATH": str(mlp_path)} | wrong))


def test_copies_are_kept_in_a_folder_that_nobody_else_can_have_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    remote = settings(MODEL_PATH="http://127.0.0.1:9/mine.keras")
    with pytest.raises(ModelNotUsable, match=r"^MODEL_PATH: model path http://127\.0\.0\.1:9/mine\.keras: "):
        local(remote)
    (cache,) = tmp_path.iterdir()
    assert cache.stat().st_mode & 0o777 == 0o700
    cache.chmod(0o777)
    with pytest.raises(ModelNotUsable, match=r"is not a folder of ours alone: remove it, or set MODEL_CACHE_PATH"):
        local(remote)


@pytest.mark.parametrize("variable", ["MODEL_PATH", "MODEL_LABELS_PATH"])
def test_what_can_be_told_without_tensorflow_is_told_before_it_is_imported(
    monkeypatch: pytest.MonkeyPatch, mlp_path: Path, variable: str
):
    monkeypatch.setitem(sys.modules, "models.saved_model", None)
    with pytest.raises(ModelNotUsable, match=f"^{variable}=nowhere: "):
        load_predictor(settings(**{"MODEL_PATH": str(mlp_path)} | {variable: "nowhere"}))


def test_without_a_target_there_is_nothing_that_being_behind_would_suspend():
    given = settings()
    catch_up = make_catch_up(given, Metrics())
    catch_up.look(1e9)
    assert not catch_up.active
    assert make_target(given, catch_up) is None


def test_far_behind_batches_are_as_large_as_they_can_be_and_the_metric_says_so():
    given, metrics = settings(BATCH_TARGET_LATENCY_MS="20", BATCH_ALLOWED_SIZES="8,64"), Metrics()
    catch_up = make_catch_up(given, metrics)
    target = make_target(given, catch_up)
    assert target is not None
    for _ in range(100):
        target.took(None, 8, 0, 0.002)
        target.took(None, 64, 0, 1.0)
    waiting = Queue(key=None, rows=60, oldest=0, newest=0, running=0)
    sizes, shown = [], []
    for lag in (0.0, 11.0, 4.0):
        catch_up.look(lag)
        sizes.append(target.rows(waiting, 64))
        shown.append(metrics.registry.get_sample_value("streamrank_catching_up"))
    assert sizes == [8, 64, 8]
    assert shown == [0, 1, 0]

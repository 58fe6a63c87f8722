"""Models that take a whole list as one row: real SavedModels, through the real worker and Kafka."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.assembly import load_predictor
from app.ports import free_ports
from app.trial import examine
from app.worker import Worker
from config.settings import load_settings
from tests.app.running import Run, in_this_process
from tests.app.test_metrics import samples
from tests.broker.records import Record
from tests.broker.topics import Topics
from tests.models.conftest import tf
from tests.variables import variables_for

__all__ = ["tf"]

SEED, RECORDS, LONGEST = 5, 200, 12


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    in_this_process(monkeypatch)


def rank(tf: Any) -> Any:
    """A list's chances, which depend on all of its candidates; without any candidate it refuses to say."""

    def body(form: Any, going: Any, mask: Any) -> dict[str, Any]:
        padding = tf.constant(float("-inf"))
        tf.debugging.assert_greater(tf.reduce_sum(tf.cast(mask, tf.int32)), 0)
        strength = tf.reduce_sum(form * tf.constant([0.5, -1.0, 2.0]), axis=2) * going[:, tf.newaxis]
        return {"scores": tf.nn.softmax(tf.where(mask, strength, padding))}

    return body


def export(tf: Any, path: Path, length: int | None) -> Any:
    specs = [
        tf.TensorSpec([None, length, 3], tf.float32, "form"),
        tf.TensorSpec([None], tf.float32, "going"),
        tf.TensorSpec([None, length], tf.bool, "mask"),
    ]
    serve = tf.function(rank(tf), input_signature=specs, autograph=False)
    tf.saved_model.save(tf.Module(), str(path), signatures={"serving_default": serve})
    return serve


def lists() -> list[tuple[float, np.ndarray]]:
    """Of each record what is common, and its candidates' features."""
    print(f"seed: {SEED}")
    random = np.random.default_rng(SEED)
    heights = random.integers(0, LONGEST + 1, RECORDS)
    return [
        (float(random.integers(1, 4)), random.standard_normal((height, 3)).astype(np.float32)) for height in heights
    ]


@pytest.mark.parametrize("length", [None, LONGEST])
async def test_a_list_is_ranked_as_the_model_does_when_it_is_alone(
    length: int | None, tf: Any, topics: Topics, tmp_path: Path
) -> None:
    model = export(tf, tmp_path / "model", length)
    port = free_ports(1)[0]
    settings = variables_for(topics, tmp_path / "model") | {"HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(port)}
    settings |= {"RANK_BY": "candidates", "CANDIDATE_ROWS": "list", "RANK_TOP_K": "0", "MODEL_DEVICE": "cpu"}
    given = lists()
    values: list[dict[str, Any]] = []
    for number, (going, forms) in enumerate(given):
        listed = [{"id": f"h{place}", "form": row} for place, row in enumerate(forms.tolist())]
        values.append({"id": number, "going": going, "candidates": listed})
    values.append({"id": RECORDS, "going": 1, "candidates": [{"form": [0, 0, 0]}] * (LONGEST + 1)})
    run = Run(Worker(load_settings(settings, env_file=None)), port)
    try:
        await run.ready()
        records = [Record(json.dumps(value).encode(), partition=value["id"] % 4) for value in values]
        await asyncio.to_thread(topics.client.write, topics.input, records)

        def done() -> bool:
            found = samples(run.worker._metrics)
            outcomes = ("published", "dead_lettered")
            return sum(found.get(("streamrank_records_total", one), 0) for one in outcomes) == len(values)

        await run.until(done)
    finally:
        run.worker._over.set()
        assert await run.ended() == 0
    outputs = await asyncio.to_thread(topics.client.read_all, topics.output)
    found = {value["id"]: value["predictions"] for value in (json.loads(output.value or b"") for output in outputs)}
    letters = await asyncio.to_thread(topics.client.read_all, topics.dead_letters)
    assert [dict(each.headers)["error-reason"] for each in letters] == ([] if length is None else [b"wrong_shape"])
    assert found.keys() == set(range(RECORDS + (length is None)))
    for number, (going, forms) in enumerate(given):
        ranked = found[number]
        if not len(forms):
            assert ranked == []
            continue
        alone = forms if length is None else np.pad(forms, ((0, length - len(forms)), (0, 0)))
        mask = np.arange(len(alone)) < len(forms)
        said = model(tf.constant([alone]), tf.constant([going]), tf.constant([mask]))["scores"].numpy()
        scores = said[0, : len(forms)]
        order = np.argsort(-scores, kind="stable")
        assert [each["label"] for each in ranked] == [f"h{place}" for place in order]
        np.testing.assert_allclose([each["score"] for each in ranked], scores[order], rtol=1e-5)


@pytest.mark.parametrize("length", [None, LONGEST])
def test_a_new_version_may_score_padding_as_it_likes(length: int | None, tf: Any, tmp_path: Path) -> None:
    def body(form: Any, mask: Any) -> dict[str, Any]:
        return {"scores": tf.where(mask, form[:, :, 0], float("-inf"))}

    specs = [tf.TensorSpec([None, length, 3], tf.float32, "form"), tf.TensorSpec([None, length], tf.bool, "mask")]
    serve = tf.function(body, input_signature=specs, autograph=False)
    tf.saved_model.save(tf.Module(), str(tmp_path / "model"), signatures={"serving_default": serve})
    settings = load_settings(
        {"INPUT_TOPIC": "in", "OUTPUT_TOPIC": "out", "MODEL_PATH": str(tmp_path / "model"), "MODEL_DEVICE": "cpu"}
        | {"RANK_BY": "candidates", "CANDIDATE_ROWS": "list"},
        env_file=None,
    )
    value = json.dumps({"candidates": [{"form": [place, 0, 0]} for place in range(5)]}).encode()
    ranker = examine(settings, load_predictor(settings), [value, b'{"candidates": []}'])
    assert ranker.predictor.classes == length

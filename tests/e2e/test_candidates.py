"""Lists of candidates through the service, with a crash and rebalances, beside a recomputation in NumPy."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.broker.records import Record
from tests.broker.topics import Topics
from tests.e2e.service import environment, rank_over_a_crash

SEED, RECORDS, PARTITIONS = 71, 100_000, 4


@pytest.fixture(scope="module")
def horses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel whose one score of a row is the same to the last bit in a batch of any size."""
    import tensorflow as tf

    def score(speed: Any, going: Any) -> dict[str, Any]:
        return {"scores": tf.expand_dims(speed * tf.constant(1.5) - going, 1)}

    specs = [tf.TensorSpec([None], tf.float32, name) for name in ("speed", "going")]
    path = tmp_path_factory.mktemp("models") / "horses"
    serve = tf.function(score, input_signature=specs, autograph=False)
    tf.saved_model.save(tf.Module(), str(path), signatures={"serving_default": serve})
    return path


def made_up() -> tuple[list[Record], list[list[tuple[str, float]]]]:
    """Records, and the ranking of each as NumPy makes it."""
    print(f"seed: {SEED}")
    random = np.random.default_rng(SEED)
    heights = random.integers(0, 7, RECORDS)
    speeds = random.integers(0, 40, heights.sum()).astype(np.float32) / np.float32(8)  # with ties
    goings = random.integers(0, 5, RECORDS)
    scores = speeds * np.float32(1.5) - np.repeat(goings, heights).astype(np.float32)
    records, rankings = [], []
    for number, (stop, height, going) in enumerate(zip(np.cumsum(heights), heights, goings, strict=True)):
        rows = range(stop - height, stop)
        listed = [{"id": f"h{row}", "speed": float(speeds[row])} for row in rows]
        value = {"id": number, "going": int(going), "candidates": listed}
        records.append(Record(json.dumps(value).encode(), key=b"%d" % number, partition=number % PARTITIONS))
        order = np.argsort(-scores[rows.start : rows.stop], kind="stable") + rows.start
        rankings.append([(f"h{row}", float(scores[row])) for row in order])
    return records, rankings


@pytest.mark.needs_apache_kafka
@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_every_list_is_ranked_as_numpy_does_over_a_crash_and_rebalances(
    guarantee: str, topics: Topics, horses: Path, tmp_path: Path
):
    records, rankings = made_up()
    once = guarantee == "exactly_once"
    variables = environment(topics, horses) | {
        "RANK_BY": "candidates",
        "RANK_TOP_K": "0",
        "PROCESSING_GUARANTEE": guarantee,
        "KAFKA_SESSION_TIMEOUT_MS": "6000",
    }
    rank_over_a_crash(topics, variables, records, tmp_path)
    seen: Counter[int] = Counter()
    for output in topics.client.read_all(topics.output):
        value = json.loads(output.value)
        found = [(each["label"], each["score"]) for each in value["predictions"]]
        assert found == rankings[value["id"]]
        seen[value["id"]] += 1
    assert seen.keys() == set(range(RECORDS))
    assert not once or seen.total() == RECORDS
    assert topics.client.read_all(topics.dead_letters) == []

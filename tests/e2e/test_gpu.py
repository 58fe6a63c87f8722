"""The service with its model on a GPU: rankings, a version that comes in, a crash."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.broker.topics import Topics
from tests.e2e.conftest import record
from tests.e2e.service import Service, environment
from tests.e2e.test_stream import scores_by_class

pytestmark = pytest.mark.gpu

VERSIONS = ("1", "2")
ROWS = 3000


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of a model, not yet where the service looks."""
    from models.classifier import export_mlp

    folder = tmp_path_factory.mktemp("waiting")
    for version in VERSIONS:
        export_mlp(folder / version, seed=int(version))
    return folder


def test_each_record_is_ranked_by_the_version_it_names_over_a_swap_and_a_crash(
    topics: Topics, waiting: Path, features, tmp_path: Path
):
    import tensorflow as tf

    features = features[: 3 * ROWS]
    direct = {}
    for version in VERSIONS:
        model = tf.saved_model.load(str(waiting / version))
        direct[version] = model.signatures["serving_default"](features=tf.constant(features))["scores"].numpy()

    shelf = tmp_path / "model"
    shelf.mkdir()
    (waiting / "1").rename(shelf / "1")
    variables = environment(topics, shelf) | {"MODEL_DEVICE": "gpu", "MODEL_POLL_SECONDS": "0.2", "RANK_TOP_K": "0"}

    def send(part: int) -> None:
        numbers = range(part * ROWS, (part + 1) * ROWS)
        topics.client.write(topics.input, [record(number, features[number]) for number in numbers])

    send(0)
    with Service(tmp_path, variables) as service:
        service.wait_until_ready()
        assert service.status()["model"]["device"] == "gpu:0"
        topics.client.read(topics.output, ROWS)
        (waiting / "2").rename(shelf / "2")
        service.wait_for(lambda: service.status()["model"]["version"] == "2")
        send(1)
        topics.client.read(topics.output, ROWS + 1)
        service.process.kill()
    send(2)
    with Service(tmp_path, variables) as service:
        service.wait_until_ready()
        topics.client.wait_until_committed(topics.input, topics.group)
        assert service.stop() == 0

    seen = set()
    versions = set()
    for output in topics.client.read_all(topics.output):
        value = json.loads(output.value)
        number = int(value["id"][1:])
        seen.add(number)
        versions.add(value["model_version"])
        scores = scores_by_class(output.value)
        wanted = direct[value["model_version"]][number]
        np.testing.assert_allclose([scores[label] for label in range(10)], wanted, rtol=1e-2, atol=1e-3)
    assert seen == set(range(3 * ROWS))
    assert versions == set(VERSIONS)
    assert topics.client.read_all(topics.dead_letters) == []

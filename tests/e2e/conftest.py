"""Models and records for the tests of the whole service."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.broker.records import Record

SEED = 20_000


@pytest.fixture(scope="session")
def mlp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel: `features` [None, 32] to `scores` [None, 10]."""
    from models.classifier import export_mlp

    path = tmp_path_factory.mktemp("models") / "mlp"
    export_mlp(path, seed=7)
    return path


@pytest.fixture(scope="session")
def runners(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel: `speed` [None] to `scores` [None, 1], the same to the last bit in a batch of any size."""
    import tensorflow as tf

    def score(speed: Any) -> dict[str, Any]:
        return {"scores": tf.expand_dims(speed * tf.constant(1.5), 1)}

    path = tmp_path_factory.mktemp("models") / "runners"
    serve = tf.function(score, input_signature=[tf.TensorSpec([None], tf.float32, "speed")], autograph=False)
    tf.saved_model.save(tf.Module(), str(path), signatures={"serving_default": serve})
    return path


@pytest.fixture(scope="session")
def direct(mlp: Path) -> Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]:
    """The same model, called by TensorFlow itself: `[B, 32]` to `[B, 10]`."""
    import tensorflow as tf

    model = tf.saved_model.load(str(mlp))
    return lambda features: model.signatures["serving_default"](features=tf.constant(features))["scores"].numpy()


@pytest.fixture
def features() -> npt.NDArray[np.float32]:
    """`[20000, 32]`."""
    print(f"seed of the features: {SEED}")
    return np.random.default_rng(SEED).random((20_000, 32), dtype=np.float32)


def record(number: int, features: npt.NDArray[np.float32], partitions: int = 4) -> Record:
    """Record *number* of a stream, for `features` [32]."""
    value = {"id": f"r{number}", "features": [float(x) for x in features]}
    headers = (("trace", b"t%d" % number), ("model-name", b"forged"), ("trace", b"again"))
    partition = number % partitions
    return Record(json.dumps(value).encode(), key=b"key-%d" % number, headers=headers, partition=partition)

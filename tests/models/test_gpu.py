"""What a GPU has of its own: memory that runs out and comes back, cuDNN, XLA's code for it, nodes placed by hand."""

import gc
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models.conftest import Export, Load

pytestmark = pytest.mark.gpu

SEED = 41

# Each row takes 4 MiB beside its input, so that 512 MiB hold some rows and never a thousand.
TOO_MANY_ROWS = """
import json, sys
import numpy as np
from models.errors import OutOfMemory
from models.loader import load

model = load(sys.argv[1], device="gpu", gpu_memory_mb=512)
rows = lambda count: {"x": np.ones((count, 1024), np.float32)}
said = []
for count in (16, 1000, 16, 1000, 16):
    try:
        said.append(len(model.predict(rows(count)).scores))
    except OutOfMemory as error:
        said.append(str(error).split(" when ")[0])
print(json.dumps(said))
"""


def same(one: Any, other: Any) -> None:
    """Compare scores class by class; TF32, which GPUs multiply in, keeps 10 bits of a mantissa."""
    by_class = [np.take_along_axis(top.scores, np.argsort(top.indices, axis=1), axis=1) for top in (one, other)]
    np.testing.assert_allclose(*by_class, rtol=1e-2, atol=1e-3)


def random(*shape: int) -> Any:
    print(f"seed: {SEED}")
    return np.random.default_rng(SEED).standard_normal(shape, dtype=np.float32)


def test_a_batch_that_does_not_fit_is_refused_as_such_and_smaller_ones_go_on(tf: Any, export: Export) -> None:
    def body(x: Any) -> dict[str, Any]:
        products = tf.linalg.matmul(x[:, :, tf.newaxis], x[:, tf.newaxis, :])
        return {"scores": tf.reduce_max(products, axis=1)[:, :3]}

    path = export(body, x=([None, 1024], tf.float32))
    command = [sys.executable, "-c", TOO_MANY_ROWS, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    first, refused, again, refused_too, last = json.loads(done.stdout)
    assert (first, again, last) == (16, 16, 16)
    assert isinstance(refused, str)
    assert "OOM" in refused or "out of memory" in refused.lower()
    assert isinstance(refused_too, str)


def test_the_memory_of_versions_that_went_is_free_again(tf: Any, load_anywhere: Load, tmp_path: Path) -> None:
    from models.classifier import export_mlp

    in_use = []
    for version in range(8):
        export_mlp(tmp_path / str(version), hidden=(1024, 1024), seed=version)
        model = load_anywhere(tmp_path / str(version), device="gpu")
        model.predict({"features": random(64, 32)})
        held = tf.config.experimental.get_memory_info("GPU:0")["current"]
        del model
        gc.collect()
        in_use.append(tf.config.experimental.get_memory_info("GPU:0")["current"])
        assert held - in_use[-1] >= 1024 * 1024 * 4  # its weights, at least
    assert max(in_use) - min(in_use) <= 1 << 20, in_use


def test_xla_compiles_for_the_gpu(load_anywhere: Load, load: Load, mlp: Path) -> None:
    features = {"features": random(21, 32)}
    compiled = load_anywhere(mlp, device="gpu", xla=True, allowed_sizes=[8, 16], top_k=0)
    compiled.warm_up(16)
    same(compiled.predict(features), load(mlp, top_k=0).predict(features))


def test_convolutions_run(tf: Any, export: Export, load_anywhere: Load, load: Load) -> None:
    filters = tf.constant(random(3, 3, 3, 16))
    weights = tf.constant(random(16, 5))

    def body(image: Any) -> dict[str, Any]:
        seen = tf.nn.relu(tf.nn.conv2d(image, filters, 1, "SAME"))
        return {"scores": tf.nn.softmax(tf.reduce_mean(seen, axis=[1, 2]) @ weights)}

    path = export(body, image=([None, 32, 32, 3], tf.float32))
    image = {"image": random(9, 32, 32, 3)}
    same(load_anywhere(path, device="gpu", top_k=0).predict(image), load(path, top_k=0).predict(image))


def test_a_recurrent_model_of_keras_runs(tf: Any, load_anywhere: Load, load: Load, tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(SEED)
    model = keras.Sequential([keras.layers.Input((12, 6)), keras.layers.LSTM(24), keras.layers.Dense(4, "softmax")])
    model.export(str(tmp_path / "lstm"), verbose=False)
    loaded = load_anywhere(tmp_path / "lstm", device="gpu", top_k=0)
    features = {loaded.signature.inputs[0].name: random(7, 12, 6)}
    same(loaded.predict(features), load(tmp_path / "lstm", top_k=0).predict(features))


@pytest.mark.parametrize("placed", ["/CPU:0", "/GPU:0", "/GPU:7"])
def test_nodes_that_were_placed_by_hand_run_where_they_can(
    tf: Any, export: Export, load_anywhere: Load, placed: str
) -> None:
    def body(x: Any) -> dict[str, Any]:
        with tf.device(placed):
            return {"scores": x @ tf.constant([[1.0, 2.0], [3.0, 4.0]])}

    path = export(body, x=([None, 2], tf.float32))
    top = load_anywhere(path, device="gpu", top_k=0).predict({"x": np.array([[1, 1]], np.float32)})
    assert top.scores.tolist() == [[6.0, 4.0]]

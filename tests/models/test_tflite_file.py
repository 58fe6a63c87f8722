"""Files of TensorFlow Lite, beside TensorFlow called directly."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import DeviceNotFound, ModelNotUsable, ModelUnavailable, RowsRefused, SizesOpen
from models.signature import TensorSpec
from tests.models.conftest import Export, Load

Convert = Callable[..., Path]


@pytest.fixture
def convert(tf: Any, export: Export, tmp_path: Path) -> Convert:
    """Write a function as a file of TensorFlow Lite."""

    def write(body: Any, *, signed: bool = True, **inputs: Any) -> Path:
        if signed:
            converter = tf.lite.TFLiteConverter.from_saved_model(str(export(body, **inputs)))
        else:
            specs = [tf.TensorSpec(shape, dtype, name) for name, (shape, dtype) in inputs.items()]
            function = tf.function(body, autograph=False).get_concrete_function(*specs)
            converter = tf.lite.TFLiteConverter.from_concrete_functions([function], tf.Module())
        path = tmp_path / "mine.tflite"
        path.write_bytes(converter.convert())
        return path

    return write


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("rows", [None, 1])
def test_batches_of_any_size_go_through(tf: Any, convert: Convert, load: Load, signed: bool, rows: int | None) -> None:
    body = lambda x, y: {"scores": x * 2 + y}  # noqa: E731
    path = convert(body, signed=signed, x=([rows, 3], tf.float32), y=([rows, 1], tf.float32))
    model = load(path, top_k=0)
    assert model.signature.inputs == (TensorSpec("x", "float32", (3,)), TensorSpec("y", "float32", (1,)))
    assert (model.classes, model.device, model.largest_batch) == (3, "cpu", None)
    model.warm_up(64)
    for size in (1, 5, 64, 2):
        x = np.random.default_rng(size).standard_normal((size, 3), dtype=np.float32)
        y = np.arange(size, dtype=np.float32)[:, np.newaxis]
        top = model.predict({"x": x, "y": y})
        scores = np.take_along_axis(top.scores, np.argsort(top.indices, axis=1), axis=1)
        assert np.allclose(scores, x * 2 + y, rtol=1e-6)
        assert (np.diff(top.scores, axis=1) <= 0).all()


def test_threads_get_the_answers_to_their_own_rows(tf: Any, convert: Convert, load: Load) -> None:
    model = load(convert(lambda x: {"scores": tf.nn.relu(x @ tf.ones([3, 2]))}, x=([None, 3], tf.float32)), top_k=1)

    def ask(number: int) -> float:
        rows = np.full((1 + number % 7, 3), number, np.float32)
        return float(model.predict({"x": rows}).scores[0, 0])

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(200))) == [3.0 * number for number in range(200)]


def test_a_graph_that_cannot_be_resized_is_called_with_its_own_size(tf: Any, convert: Convert, load: Load) -> None:
    def body(x: Any) -> dict[str, Any]:
        return {"scores": tf.reshape(tf.reshape(x, [2, 6]) * [[1.0], [2.0]], [4, 3])}

    model = load(convert(body, x=([4, 3], tf.float32)), top_k=1)
    assert model.largest_batch == 4
    assert model.predict({"x": np.array([[0, 5, 1]] * 6, np.float32)}).scores.tolist() == [
        [5],
        [5],
        [10],
        [10],
        [5],
        [5],
    ]


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "int8"])
def test_integers_rank_as_they_are_and_ties_keep_their_order(tf: Any, convert: Convert, load: Load, dtype: str) -> None:
    model = load(convert(lambda x: {"scores": tf.gather(x, [3, 1, 2, 0], axis=1)}, x=([None, 4], dtype)), top_k=0)
    top = model.predict({"x": np.array([[0, 7, 7, 100]], dtype)})
    assert (top.scores.tolist(), top.indices.tolist()) == ([[100, 7, 7, 0]], [[0, 1, 2, 3]])
    assert top.scores.dtype == dtype
    assert top.finite.all()


def test_two_names_rank_both_classes_of_one_probability(tf: Any, convert: Convert, load: Load, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("ham\nspam\n", encoding="utf-8")
    path = convert(lambda x: {"spam": tf.identity(x + 0.0)}, x=([None, 1], tf.float32))
    model = load(path, labels_path=tmp_path / "labels.txt")
    top = model.predict({"x": np.array([[0.25], [0.75]], np.float32)})
    assert (top.scores.tolist(), top.indices.tolist()) == ([[0.75, 0.25], [0.75, 0.25]], [[0, 1], [1, 0]])
    with pytest.raises(RowsRefused, match=r"take a probability from 0 to 1, not the score 3\.5"):
        model.predict({"x": np.array([[3.5]], np.float32)})


def test_what_is_wrong_is_told(tf: Any, convert: Convert, load: Load, tmp_path: Path) -> None:
    path = convert(lambda x: {"a": x * 2, "b": x * 3}, x=([None, 2], tf.float32))
    with pytest.raises(ModelNotUsable, match="which output holds the scores"):
        load(path)
    with pytest.raises(ModelNotUsable, match=r"no signature 'other'; there are: serving_default"):
        load(path, signature="other", scores_output="a")
    with pytest.raises(DeviceNotFound, match="models of TensorFlow Lite run on the CPU"):
        load(path, device="gpu")
    with pytest.raises(SizesOpen, match="not compiled by XLA"):
        load(path, xla=True)
    model = load(path, scores_output="b")
    with pytest.raises(ModelUnavailable, match="KeyError"):
        model.predict({"y": np.zeros((1, 2), np.float32)})
    with pytest.raises(RowsRefused):
        model.predict({"x": np.zeros((1, 2, 2, 2), np.float32)})
    assert model.answers()
    (tmp_path / "broken.tflite").write_bytes(b"no model")
    with pytest.raises(ModelNotUsable, match=r"broken\.tflite cannot be loaded: "):
        load(tmp_path / "broken.tflite")


def test_a_folder_with_several_models_is_none(tf: Any, convert: Convert, load: Load) -> None:
    path = convert(lambda x: {"scores": x * 2}, x=([None, 2], tf.float32))
    path.with_name("other.tflite").write_bytes(path.read_bytes())
    with pytest.raises(ModelNotUsable, match="neither a saved_model"):
        load(path.parent)


def test_an_output_that_is_a_scalar_is_passed_over(tf: Any, convert: Convert, load: Load) -> None:
    path = convert(lambda x: {"scores": x * 2, "mean": tf.reduce_mean(x)}, x=([None, 2], tf.float32))
    assert load(path).predict({"x": np.ones((3, 2), np.float32)}).scores.tolist() == [[2.0, 2.0]] * 3


def test_a_file_with_several_signatures_is_refused(tf: Any, load: Load, tmp_path: Path) -> None:
    spec = tf.TensorSpec([None, 2], tf.float32, name="x")
    made = {
        name: tf.function(lambda x, factor=factor: {"scores": x * factor}, autograph=False).get_concrete_function(spec)
        for name, factor in (("serving_default", 2.0), ("tripled", 3.0))
    }
    tf.saved_model.save(tf.Module(), str(tmp_path / "m"), signatures=made)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "m"), signature_keys=list(made))
    (tmp_path / "two.tflite").write_bytes(converter.convert())
    with pytest.raises(ModelNotUsable, match=r"several signatures \(serving_default, tripled\); convert it"):
        load(tmp_path / "two.tflite")

"""Real SavedModels, loaded and asked. How a table of scores is ranked is in test_ranking.py."""

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from models.device import memory_in_use
from models.errors import DeviceNotFound, ModelNotUsable, ModelUnavailable, RowsRefused
from models.predictor import Predictor
from tests.models.conftest import Export, Load


def rows(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 32), dtype=np.float32)


@pytest.fixture(scope="module")
def careful(tf: Any, export: Export) -> Path:
    """A model that refuses a batch with a speed below zero."""

    def body(speed: Any) -> dict[str, Any]:
        with tf.control_dependencies([tf.debugging.assert_non_negative(speed, message="speed must not be negative")]):
            return {"scores": tf.stack([speed, -speed], axis=1)}

    return export(body, speed=([None], tf.float32))


@pytest.mark.parametrize("size", [1, 2, 7, 64, 512])
def test_scores_are_bit_for_bit_those_of_tensorflow_called_directly(tf: Any, load: Load, mlp: Path, size: int) -> None:
    features = rows(size, seed=size)
    with tf.device("/CPU:0"):
        directly = tf.saved_model.load(str(mlp / "1")).signatures["serving_default"]
        expected = directly(features=tf.constant(features))["scores"].numpy()
    top = load(mlp, top_k=0).predict({"features": features})
    assert np.array_equal(top.scores, np.take_along_axis(expected, top.indices, axis=1))
    assert np.array_equal(np.sort(top.indices, axis=1), np.tile(np.arange(10), (size, 1)))
    assert (np.diff(top.scores, axis=1) <= 0).all()


def test_several_inputs_of_all_kinds_reach_the_argument_of_their_name(tf: Any, export: Export, load: Load) -> None:
    def body(word: Any, big: Any, flag: Any, half: Any) -> dict[str, Any]:
        scores = [
            tf.strings.length(word),
            tf.cast(big % 1000, tf.int32),
            tf.cast(flag, tf.int32),
            tf.cast(half[:, 1], tf.int32),
        ]
        return {"scores": tf.stack(scores, axis=1)}

    path = export(
        body, word=([None], tf.string), big=([None], tf.int64), flag=([None], tf.bool), half=([None, 2], tf.bfloat16)
    )
    model = load(path, top_k=0)
    model.warm_up(3)
    columns = {
        "half": np.array([[0, 50], [0, 2]], np.float32),
        "flag": np.array([True, False]),
        "big": np.array([2**62 + 1, 7], np.int64),
        "word": np.array([b"\xff\x00\xfe", b""], object),
    }
    top = model.predict(columns)
    assert top.scores.tolist() == [[(2**62 + 1) % 1000, 50, 3, 1], [7, 2, 0, 0]]
    assert top.indices.tolist() == [[1, 3, 0, 2], [1, 3, 0, 2]]


def test_an_empty_batch_gives_an_empty_ranking(load: Load, mlp: Path) -> None:
    top = load(mlp, top_k=3).predict({"features": rows(0)})
    assert (top.scores.shape, top.indices.shape, top.finite.shape) == ((0, 3), (0, 3), (0,))


def test_results_do_not_share_memory_with_later_ones(load: Load, mlp: Path) -> None:
    model = load(mlp)
    first = model.predict({"features": rows(4, seed=1)})
    kept = first.scores.copy()
    for seed in range(20):
        model.predict({"features": rows(4, seed=seed)})
    assert np.array_equal(first.scores, kept)
    first.scores[0] = 0.0


def test_the_name_is_the_last_folder_unless_given(load: Load, mlp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(mlp).name == mlp.name
    assert load(mlp / "1").name == "1"
    assert load(mlp, name="digits").name == "digits"
    monkeypatch.chdir(mlp)
    assert load(".").name == mlp.name


def test_it_says_its_version_and_device(load: Load, mlp: Path) -> None:
    model: Predictor = load(mlp)
    assert (model.version, model.device) == ("1", "cpu")
    assert load(mlp / "1").version == "unversioned"


def test_labels_come_from_a_file(load: Load, mlp: Path, tmp_path: Path) -> None:
    (tmp_path / "ten.txt").write_text("\n".join("abcdefghij"), encoding="utf-8")
    assert load(mlp, labels_path=tmp_path / "ten.txt").labels == tuple("abcdefghij")
    (tmp_path / "nine.txt").write_text("\n".join("abcdefghi"), encoding="utf-8")
    with pytest.raises(ModelNotUsable, match=r"has 9 labels, but output 'scores' has 10 columns"):
        load(mlp, labels_path=tmp_path / "nine.txt")


def test_it_says_how_many_scores_a_row_gets_unless_the_signature_leaves_it_open(
    load: Load, mlp: Path, echo: Any, tmp_path: Path
) -> None:
    assert load(mlp).classes == 10
    assert load(mlp, top_k=3).classes == 10
    assert load(echo("float32", None)).classes is None
    (tmp_path / "three.txt").write_text("a\nb\nc\n", encoding="utf-8")
    assert load(echo("float32", None), labels_path=tmp_path / "three.txt").classes == 3


def test_a_model_that_gives_one_number_a_row_has_one_class(tf: Any, export: Export, load: Load) -> None:
    assert load(export(lambda x: {"scores": x}, x=([None], tf.float32))).classes == 1


def test_without_labels_the_classes_have_no_names(load: Load, mlp: Path) -> None:
    model = load(mlp)
    assert model.labels is None
    assert model.predict({"features": rows(1)}).labels is None


def test_the_scores_and_labels_outputs_can_be_named(tf: Any, export: Export, load: Load) -> None:
    def body(x: Any) -> dict[str, Any]:
        names = tf.tile(tf.constant([["a", "b"]]), [tf.shape(x)[0], 1])
        return {"up": x, "down": -x, "names": names, "labels": tf.strings.upper(names)}

    path = export(body, x=([None, 2], tf.float32))
    with pytest.raises(ModelNotUsable, match=r"which output .*: down float32 \[None, 2\]; up float32 \[None, 2\]"):
        load(path)
    table = {"x": np.array([[1, 2]], np.float32)}
    top = load(path, scores_output="down", labels_output="names").predict(table)
    assert top.labels is not None
    assert (top.scores.tolist(), top.labels.tolist()) == ([[-1.0, -2.0]], [[b"a", b"b"]])
    top = load(path, scores_output="up").predict(table)
    assert top.labels is not None
    assert (top.scores.tolist(), top.labels.tolist()) == ([[2.0, 1.0]], [[b"B", b"A"]])


def test_a_batch_that_the_model_refuses_says_why_in_one_line(load: Load, careful: Path) -> None:
    model = load(careful)
    with pytest.raises(RowsRefused) as refusal:
        model.predict({"speed": np.array([1, -1, 2], np.float32)})
    assert str(refusal.value).startswith("assertion failed: [speed must not be negative.")
    assert "node" not in str(refusal.value)
    assert refusal.value.__cause__ is not None
    assert model.predict({"speed": np.array([1, 2], np.float32)}).indices.tolist() == [[0, 1], [0, 1]]
    assert model.answers()


def test_a_column_that_is_missing_is_not_the_rows_fault(load: Load, careful: Path) -> None:
    with pytest.raises(ModelUnavailable, match="KeyError: 'speed'"):
        load(careful).predict({})


def test_a_column_that_is_no_tensor_is_not_the_rows_fault(load: Load, careful: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"^(ValueError|TypeError): "):
        load(careful).predict({"speed": np.array([b"fast"], object)})


def test_a_model_that_breaks_stops_answering_even_the_row_it_knows(
    tf: Any, export: Export, load: Load, tmp_path: Path
) -> None:
    weight = tmp_path / "weight"
    weight.write_text("2.5")

    def body(x: Any) -> dict[str, Any]:
        # The name depends on the rows, or TensorFlow would read the file once and for all.
        name = tf.where(tf.math.is_nan(x[0, 0]), "", str(weight))
        return {"scores": x * tf.strings.to_number(tf.io.read_file(name))}

    path = export(body, x=([None, 1], tf.float32))
    model = load(path)
    model.warm_up(2)
    assert model.answers()
    weight.unlink()
    with pytest.raises(RowsRefused, match="No such file"):
        model.predict({"x": np.ones((1, 1), np.float32)})
    assert not model.answers()


def test_a_model_that_fails_for_made_up_rows_is_refused_in_the_warm_up(tf: Any, export: Export, load: Load) -> None:
    def body(speed: Any) -> dict[str, Any]:
        with tf.control_dependencies([tf.debugging.assert_positive(speed, message="speed must be positive")]):
            return {"scores": tf.identity(speed)}

    model = load(export(body, speed=([None], tf.float32)), name="strict")
    with pytest.raises(ModelNotUsable, match=r"model strict fails for made-up rows .*speed must be positive"):
        model.warm_up(8)


def test_the_warm_up_tries_whole_batches_too(tf: Any, export: Export, load: Load) -> None:
    def body(speed: Any) -> dict[str, Any]:
        few = tf.debugging.assert_less(tf.size(speed), 8, message="too many rows")
        with tf.control_dependencies([few]):
            return {"scores": tf.identity(speed)}

    model = load(export(body, speed=([None], tf.float32)))
    model.warm_up(7)
    with pytest.raises(ModelNotUsable, match="too many rows"):
        model.warm_up(8)


def test_threads_get_the_answers_to_their_own_rows(load: Load, mlp: Path) -> None:
    model = load(mlp, top_k=0)
    batches = [rows(1 + 37 * number % 64, seed=number) for number in range(40)]
    expected = [model.predict({"features": batch}) for batch in batches]
    start = Barrier(8)

    def work(thread: int) -> bool:
        start.wait()
        answers = [(number, model.predict({"features": batches[number]})) for number in np.roll(range(40), thread)]
        return all(
            np.array_equal(top.scores, expected[number].scores)
            and np.array_equal(top.indices, expected[number].indices)
            for number, top in answers
        )

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(8)))


def test_a_broken_saved_model_is_refused(load: Load, tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"not a protocol buffer")
    with pytest.raises(ModelNotUsable, match="cannot be loaded: "):
        load(tmp_path)


def test_a_saved_model_without_its_variables_is_refused(tf: Any, load: Load, mlp: Path, tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes((mlp / "1" / "saved_model.pb").read_bytes())
    with pytest.raises(ModelNotUsable, match=r"cannot be loaded\. Tried .*Failed to find any matching files"):
        load(tmp_path)


def test_a_path_version_or_device_that_is_not_there_is_refused(load_anywhere: Load, mlp: Path) -> None:
    with pytest.raises(ModelNotUsable, match="no such folder"):
        load_anywhere(mlp / "nowhere")
    with pytest.raises(ModelNotUsable, match="has no version 2; there are: 1"):
        load_anywhere(mlp, version="2")
    with pytest.raises(DeviceNotFound, match="TensorFlow sees cpu:0"):
        load_anywhere(mlp, device="gpu:9999")


@pytest.mark.gpu
@pytest.mark.parametrize("device", ["gpu", "gpu:0", "auto"])
def test_a_model_on_the_gpu_ranks_as_the_one_on_the_cpu(
    tf: Any, load: Load, load_anywhere: Load, mlp: Path, device: str
) -> None:
    features = {"features": rows(512)}
    model = load_anywhere(mlp, device=device, top_k=0)
    model.warm_up(512)
    assert model.device == "gpu:0"
    on_gpu, on_cpu = model.predict(features), load(mlp, top_k=0).predict(features)
    by_class = [np.take_along_axis(top.scores, np.argsort(top.indices, axis=1), axis=1) for top in (on_gpu, on_cpu)]
    # TF32, which GPUs multiply in, keeps 10 bits of a mantissa.
    np.testing.assert_allclose(*by_class, rtol=1e-2, atol=1e-3)
    assert on_gpu.finite.all()


@pytest.mark.gpu
def test_variables_are_placed_on_the_gpu(tf: Any, load_anywhere: Load, mlp: Path) -> None:
    gc.collect()  # or the variables of those who made the models before would go while these come
    before = tf.config.experimental.get_memory_info("GPU:0")["current"]
    model = load_anywhere(mlp, device="gpu:0")
    weights = (32 * 64 + 64 + 64 * 64 + 64 + 64 * 10 + 10) * 4
    assert tf.config.experimental.get_memory_info("GPU:0")["current"] - before >= weights
    assert memory_in_use(model.device) == tf.config.experimental.get_memory_info("GPU:0")["current"]
    assert model.answers()


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("top_k", [1, 3, 40])
def test_ties_keep_the_order_of_classes_on_the_gpu(load_anywhere: Load, echo: Any, dtype: str, top_k: int) -> None:
    from models.topk import best_classes

    table = np.random.default_rng(11).integers(-3, 4, (200, 40)).astype(np.float32)
    top = load_anywhere(echo(dtype, 40), device="gpu", top_k=top_k).predict({"table": table})
    assert np.array_equal(top.indices, best_classes(table, top_k).indices)


@pytest.mark.gpu
def test_strings_are_fed_and_given_with_a_model_on_the_gpu(tf: Any, export: Export, load_anywhere: Load) -> None:
    def body(word: Any, x: Any) -> dict[str, Any]:
        return {"scores": x, "labels": tf.stack([word, tf.strings.upper(word)], axis=1)}

    model = load_anywhere(export(body, word=([None], tf.string), x=([None, 2], tf.float32)), device="gpu")
    model.warm_up(4)
    top = model.predict({"word": np.array([b"up"], object), "x": np.array([[1, np.nan]], np.float32)})
    assert top.labels is not None
    assert (top.labels.tolist(), top.finite.tolist()) == ([[b"up", b"UP"]], [False])


def test_a_call_that_does_not_end_can_be_given_up_and_others_do_not_notice(tf: Any, export: Export, load: Load) -> None:
    def body(x: Any) -> dict[str, Any]:
        rounds = tf.where(tf.reduce_any(x > 5.0), 2**31 - 1, 1)
        _, same = tf.while_loop(lambda i, _: i < rounds, lambda i, y: (i + 1, y * 1.0), (tf.constant(0), x))
        return {"scores": same}

    path = export(body, x=([None, 2], tf.float32))
    hanging, other = load(path), load(path)
    with ThreadPoolExecutor(2) as threads:
        calls = [threads.submit(hanging.predict, {"x": np.full((1, 2), 7, np.float32)}) for _ in range(2)]
        while len(hanging._running) < 2:  # type: ignore[attr-defined]
            assert not any(call.done() for call in calls)
        hanging.give_up()
        for call in calls:
            assert isinstance(call.exception(timeout=30), ModelUnavailable)
    with pytest.raises(ModelUnavailable, match="it was given up"):
        hanging.predict({"x": np.ones((1, 2), np.float32)})
    assert other.predict({"x": np.ones((1, 2), np.float32)}).scores.tolist() == [[1.0, 1.0]]


def test_a_call_that_fails_leaves_the_next_alone(tf: Any, load: Load, careful: Path) -> None:
    model = load(careful)
    for _ in range(2):
        with pytest.raises(RowsRefused):
            model.predict({"speed": np.array([-1], np.float32)})
        assert model.predict({"speed": np.array([1], np.float32)}).scores.tolist() == [[1.0, -1.0]]

"""What one call gives for tables of scores that the tests choose: the models here echo their input."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelNotUsable, RowsRefused
from models.predictor import Predictor
from models.topk import best_classes
from tests.models.conftest import Export, Load

Echo = Callable[[str, int | None], Path]
FLOATS = ["bfloat16", "float16", "float32", "float64"]
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_ties_keep_the_order_of_classes(echo: Echo, load: Load, dtype: str) -> None:
    table = [[1, 3, 2, 3, 3], [0, 0, 0, 0, 0], [2, 2, 1, 1, 3]]
    for top_k in (1, 3, 5, 0):
        top = load(echo(dtype, 5), top_k=top_k).predict({"table": np.array(table)})
        expected = np.array([[1, 3, 4, 2, 0], [0, 1, 2, 3, 4], [4, 0, 1, 2, 3]])[:, : top_k or None]
        assert top.indices.tolist() == expected.tolist()
        assert top.scores.tolist() == np.take_along_axis(np.array(table), expected, axis=1).tolist()
        assert top.scores.dtype == ("float32" if dtype in {"bfloat16", "float16"} else dtype)
        assert top.indices.dtype == np.int32
        assert top.finite.tolist() == [True] * 3


@pytest.mark.parametrize("columns", [40, None])
@pytest.mark.parametrize("top_k", [1, 7, 40, 0, 99])
def test_many_ties_rank_as_numpys_stable_sort_ranks_them(
    echo: Echo, load: Load, columns: int | None, top_k: int
) -> None:
    table = np.random.default_rng(11).integers(-3, 4, (200, 40)).astype(np.float32)
    top = load(echo("float32", columns), top_k=top_k).predict({"table": table})
    expected = best_classes(table, top_k)
    assert np.array_equal(top.indices, expected.indices)
    assert np.array_equal(top.scores, expected.scores)


def test_minus_zero_ties_with_zero_and_keeps_its_sign(echo: Echo, load: Load) -> None:
    top = load(echo("float32", 4), top_k=3).predict({"table": np.array([[-1.0, -0.0, 0.0, -0.0]], np.float32)})
    assert top.indices.tolist() == [[1, 2, 3]]
    assert np.signbit(top.scores).tolist() == [[True, False, True]]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("top_k", [1, 3, 0])
def test_rows_with_a_score_that_is_not_finite_are_marked_even_below_the_cut(
    echo: Echo, load: Load, dtype: str, top_k: int
) -> None:
    nan, inf = float("nan"), float("inf")
    table = np.array([[1, 2, 3], [nan, 2, 3], [1, -inf, 3], [1, 2, inf], [nan, nan, nan], [3, 2, 1]], np.float64)
    top = load(echo(dtype, 3), top_k=top_k).predict({"table": table})
    assert top.finite.tolist() == [True, False, False, False, False, True]
    assert top.indices[0, 0] == 2
    assert top.indices[5, 0] == 0


def test_nan_ranks_last_and_stays_nan(echo: Echo, load: Load) -> None:
    table = np.array([[np.nan, 2, np.nan, 3]], np.float32)
    top = load(echo("float32", 4), top_k=0).predict({"table": table})
    assert top.indices.tolist() == [[3, 1, 0, 2]]
    assert np.isnan(top.scores[0, 2:]).all()


def test_64_bit_integer_scores_stay_exact(echo: Echo, load: Load) -> None:
    table = np.array([[2**63 - 2, 2**63 - 1, -(2**63)]], np.int64)
    top = load(echo("int64", 3), top_k=0).predict({"table": table})
    assert top.scores.tolist() == [[2**63 - 1, 2**63 - 2, -(2**63)]]


def test_a_single_column_ranks_one_entry_named_after_its_output(tf: Any, export: Export, load: Load) -> None:
    for body in (lambda x: {"probability": tf.sigmoid(x)}, lambda x: {"probability": tf.sigmoid(x)[:, tf.newaxis]}):
        model = load(export(body, x=([None], tf.float32)))
        top = model.predict({"x": np.array([0, 0], np.float32)})
        assert model.labels == ("probability",)
        assert (top.scores.tolist(), top.indices.tolist(), top.finite.tolist()) == ([[0.5]] * 2, [[0]] * 2, [True] * 2)


@pytest.fixture
def ham_or_spam(tf: Any, export: Export, load_anywhere: Load, tmp_path: Path) -> Callable[..., Predictor]:
    """Loads a model that repeats its input as the one column, with names for both classes."""

    def load(dtype: str = "float32", *axes: int, top_k: int = 0) -> Predictor:
        (tmp_path / "labels.txt").write_text("ham\nspam\n", encoding="utf-8")
        path = export(lambda x: {"spam": tf.reshape(x, [-1, *axes])}, x=([None], dtype))
        return load_anywhere(path, device="cpu", labels_path=tmp_path / "labels.txt", top_k=top_k)

    return load


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("axes", [(), (1,), (1, 1)])
def test_with_two_names_a_single_column_ranks_both_classes(
    ham_or_spam: Callable[..., Predictor], dtype: str, axes: tuple[int, ...]
) -> None:
    model = ham_or_spam(dtype, *axes)
    top = model.predict({"x": np.array([0.25, 0.75, 0.5, np.nan], np.float32)})
    assert (model.labels, model.classes) == (("ham", "spam"), 2)
    assert top.indices[:3].tolist() == [[0, 1], [1, 0], [0, 1]]
    assert top.scores[:3].tolist() == [[0.75, 0.25], [0.75, 0.25], [0.5, 0.5]]
    assert top.finite.tolist() == [True, True, True, False]
    best = ham_or_spam(dtype, *axes, top_k=1).predict({"x": np.array([0.75], np.float32)})
    assert best.indices.tolist() == [[1]]


@pytest.mark.parametrize("wrong", [3.5, -0.5, np.inf])
def test_with_two_names_a_score_that_is_no_probability_is_refused(
    ham_or_spam: Callable[..., Predictor], wrong: float
) -> None:
    with pytest.raises(RowsRefused, match=r"two labels for one column take a probability from 0 to 1, not the score"):
        ham_or_spam().predict({"x": np.array([0.5, wrong], np.float32)})


@pytest.mark.parametrize("columns", [3, None])
def test_scores_may_have_a_last_axis_of_length_1(tf: Any, export: Export, load: Load, columns: int | None) -> None:
    model = load(export(lambda x: {"scores": x[..., tf.newaxis]}, x=([None, columns], tf.float32)))
    assert model.predict({"x": np.array([[1, 3, 2]], np.float32)}).indices.tolist() == [[1, 2, 0]]
    assert model.classes == columns


def test_labels_of_the_model_are_picked_row_by_row(tf: Any, export: Export, load: Load) -> None:
    def body(x: Any) -> dict[str, Any]:
        return {"scores": x, "classes": tf.strings.as_string(tf.cast(x, tf.int32))}

    model = load(export(body, x=([None, 3], tf.float32)), top_k=2)
    top = model.predict({"x": np.array([[1, 3, 2], [9, 7, 8]], np.float32)})
    assert model.labels is None
    assert top.labels is not None
    assert top.labels.tolist() == [[b"3", b"2"], [b"9", b"8"]]


def test_labels_of_the_model_for_all_rows_are_picked_by_class(tf: Any, export: Export, load: Load) -> None:
    def body(x: Any) -> dict[str, Any]:
        return {"scores": x, "labels": tf.constant([b"a", b"b", b"\xff"])}

    top = load(export(body, x=([None, 3], tf.float32)), top_k=2).predict({"x": np.array([[1, 3, 5]], np.float32)})
    assert top.labels is not None
    assert top.labels.tolist() == [[b"\xff", b"b"]]


def test_one_label_per_row_labels_a_single_column(tf: Any, export: Export, load: Load) -> None:
    def body(x: Any) -> dict[str, Any]:
        return {"scores": x, "labels": tf.where(x > 0, "up", "down")}

    top = load(export(body, x=([None], tf.float32))).predict({"x": np.array([1, -1], np.float32)})
    assert top.labels is not None
    assert top.labels.tolist() == [[b"up"], [b"down"]]


def test_scores_with_another_number_of_columns_than_labels_are_refused(
    tf: Any, echo: Echo, load: Load, tmp_path: Path
) -> None:
    (tmp_path / "labels.txt").write_text("a\nb\nc\n", encoding="utf-8")
    model = load(echo("float32", None), labels_path=tmp_path / "labels.txt", top_k=0)
    assert model.labels == ("a", "b", "c")
    assert model.predict({"table": np.zeros((2, 3), np.float32)}).scores.shape == (2, 3)
    with pytest.raises(RowsRefused, match=r"\[2,4\] is not compatible with expected shape \[\?,3\]"):
        model.predict({"table": np.zeros((2, 4), np.float32)})
    with pytest.raises(ModelNotUsable, match="fails for made-up rows"):
        model.warm_up(2)


def test_scores_of_unknown_rank_must_turn_out_to_be_a_table(tf: Any, export: Export, load: Load) -> None:
    def body(x: Any) -> dict[str, Any]:
        return {"scores": tf.io.parse_tensor(tf.io.serialize_tensor(x), tf.float32)}

    model = load(export(body, x=([None, None, None], tf.float32)))
    with pytest.raises(RowsRefused, match="is not compatible with expected shape"):
        model.predict({"x": np.zeros((1, 1, 1), np.float32)})
    model = load(export(body, x=([None, None], tf.float32)))
    assert model.predict({"x": np.array([[1, 2]], np.float32)}).indices.tolist() == [[1, 0]]

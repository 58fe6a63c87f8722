"""Rows that differ in shape, in one batch."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.cells import pad_value_for, padded
from models.errors import ModelNotUsable
from models.signature import TensorSpec
from tests.models.conftest import Export, Load


def objects(*cells: Any) -> Any:
    column = np.empty(len(cells), object)
    for row, cell in enumerate(cells):
        column[row] = cell
    return column


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=5))
def test_every_row_keeps_its_elements_and_the_rest_is_the_value(shapes: list[tuple[int, int]]) -> None:
    cells = [np.arange(1, rows * columns + 1, dtype=np.int16).reshape(rows, columns) for rows, columns in shapes]
    array = padded(objects(*cells), -1)
    assert (array.shape, array.dtype) == ((len(cells), *np.max(shapes, axis=0)), np.int16)
    for row, cell in zip(array, cells, strict=True):
        assert np.array_equal(row[: cell.shape[0], : cell.shape[1]], cell)
        assert (row == -1).sum() == row.size - cell.size


@pytest.mark.parametrize(
    ("dtype", "value", "element"),
    [("float32", -1.5, -1.5), ("int8", -1.0, -1), ("bool", 1.0, True), ("bool", 0.0, False), ("string", 7.0, b"")],
)
def test_the_value_becomes_an_element_of_the_input(dtype: str, value: float, element: Any) -> None:
    found = pad_value_for(TensorSpec("x", dtype, (None,)), value)
    assert (type(found), found) == (type(element), element)


@pytest.mark.parametrize(("dtype", "value"), [("int32", 0.5), ("uint8", -1.0), ("int8", 128.0)])
def test_a_value_that_the_input_cannot_hold_is_refused(dtype: str, value: float) -> None:
    with pytest.raises(ModelNotUsable, match=rf"input 'x' is {dtype} and cannot be padded with {value:g}"):
        pad_value_for(TensorSpec("x", dtype, (None,)), value)


def test_a_model_sees_padded_rows_only_where_a_length_is_open(tf: Any, export: Export, load: Load) -> None:
    def body(steps: Any, words: Any, fixed: Any) -> dict[str, Any]:
        known = tf.cast(steps >= 0, tf.float32)
        some = tf.cast(words != "", tf.float32)
        return {"scores": tf.stack([tf.reduce_sum(known, [1, 2]), tf.reduce_sum(some, 1), fixed[:, 0]], axis=1)}

    path = export(
        body, steps=([None, None, 2], tf.int32), words=([None, None], tf.string), fixed=([None, 1], tf.float32)
    )
    model = load(path, pad_value=-1.0, top_k=0)
    assert set(model.signature.inputs) == {
        TensorSpec("steps", "int32", (None, 2), loose=True),
        TensorSpec("words", "string", (None,), loose=True),
        TensorSpec("fixed", "float32", (1,)),
    }
    model.warm_up(4)
    top = model.predict(
        {
            "steps": objects(np.zeros((3, 2), np.int32), np.zeros((1, 2), np.int32)),
            "words": objects(np.array([b"a"], object), np.array([b"a", b"b", b"c", b"d"], object)),
            "fixed": np.array([[0.5], [0.25]], np.float32),
        }
    )
    assert top.scores.tolist() == [[6.0, 1.0, 0.5], [4.0, 2.0, 0.25]]
    assert top.indices.tolist() == [[0, 1, 2], [1, 0, 2]]

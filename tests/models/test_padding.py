from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ModelUnavailable
from models.numpy_model import NumpyModel
from models.padding import BatchSizes
from models.predictor import Columns, TopK, height

SIZES = st.lists(st.integers(1, 40), unique=True, max_size=5).map(sorted)


class Called:
    """A model that remembers how many rows it was called with, and refuses what is not allowed."""

    def __init__(self, allowed: list[int]) -> None:
        self.model = NumpyModel(poison=7.0)
        self.allowed = allowed
        self.heights: list[int] = []

    def predict(self, columns: Columns) -> TopK:
        self.heights.append(height(columns))
        assert not self.allowed or self.heights[-1] in self.allowed
        return self.model.predict(columns)


@given(allowed=SIZES, rows=st.integers(1, 100), neighbours=st.integers(0, 2**32 - 1))
def test_what_the_model_says_of_a_row_depends_neither_on_its_neighbours_nor_on_what_fills_the_batch_up(
    allowed: list[int], rows: int, neighbours: int
) -> None:
    called, added = Called(allowed), list[int]()
    features = np.random.default_rng(neighbours).standard_normal((rows, 4), dtype=np.float32)
    ranking = BatchSizes(allowed, on_padding=added.append).run(called.predict, {"features": features})
    alone = TopK.join([called.model.predict({"features": features[row : row + 1]}) for row in range(rows)])
    for field in ("scores", "indices", "finite"):
        assert np.array_equal(getattr(ranking, field), getattr(alone, field))
    assert sum(called.heights) == rows + sum(added)
    if allowed:
        # No larger than it takes: only the last call is filled up, and to the next size.
        assert called.heights[:-1] == [allowed[-1]] * (len(called.heights) - 1)
        rest = rows - sum(called.heights[:-1])
        assert called.heights[-1] == min(size for size in allowed if size >= rest)


def test_a_batch_is_filled_up_with_what_the_model_takes() -> None:
    # A row of zeros, say, could be refused where every row of the batch is fine.
    seen: list[list[float]] = []

    def predict(columns: Columns) -> TopK:
        seen.extend(columns["x"].tolist())
        return TopK(columns["x"], np.zeros((4, 1), np.int32), np.ones(4, bool))

    BatchSizes([4]).run(predict, {"x": np.array([[1.0], [2.0]])})
    assert seen == [[1.0], [2.0], [2.0], [2.0]]


def test_strings_and_labels_are_filled_up_and_cut_too() -> None:
    def predict(columns: Columns) -> TopK:
        rows = height(columns)
        return TopK(np.zeros((rows, 1)), np.zeros((rows, 1), np.int32), np.ones(rows, bool), columns["word"])

    words: Any = np.array([[b"a"], [b"b"], [b"c"]], object)
    ranking = BatchSizes([2]).run(predict, {"word": words})
    assert ranking.labels is not None
    assert ranking.labels.tolist() == words.tolist()


def test_a_model_that_answers_for_another_number_of_rows_is_not_cut_to_size() -> None:
    model = NumpyModel()
    with pytest.raises(ModelUnavailable, match="given 8 rows and answered for 1"):
        BatchSizes([8]).run(lambda columns: model.predict(columns).rows(0, 1), {"features": np.zeros((1, 4))})


@pytest.mark.parametrize(
    ("allowed", "most", "sizes"),
    [
        ((), 512, (1, 512)),
        ((), 1, (1,)),
        ((8, 32, 128), 32, (8, 32)),
        ((8, 32, 128), 33, (8, 32, 128)),
        ((8,), 512, (8,)),
    ],
)
def test_every_size_that_can_come_is_warmed_up(allowed: tuple[int, ...], most: int, sizes: tuple[int, ...]) -> None:
    assert BatchSizes(allowed).up_to(most) == sizes


@pytest.mark.parametrize(
    ("allowed", "most", "rows"),
    [((), 7, 7), ((), 0, 0), ((8, 64), 64, 64), ((8, 64), 63, 8), ((8, 64), 7, 0), ((8, 64), 900, 64)],
)
def test_so_many_rows_come_without_a_larger_batch(allowed: tuple[int, ...], most: int, rows: int) -> None:
    assert BatchSizes(allowed).within(most) == rows

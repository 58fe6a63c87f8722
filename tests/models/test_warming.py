import numpy as np
import pytest

from models.errors import ModelNotUsable, ModelUnavailable
from models.numpy_model import NumpyModel
from models.predictor import Columns, TopK
from models.warming import Sample, warm_up


class Noting(NumpyModel):
    """Remembers the rows of every call."""

    def __init__(self) -> None:
        super().__init__()
        self.heights: list[int] = []

    def predict(self, columns: Columns) -> TopK:
        self.heights.append(len(columns["features"]))
        return super().predict(columns)


def test_so_many_rows_go_through_as_are_asked_for() -> None:
    model = Noting()
    warm_up(model, Sample.made_up(model.signature), (1, 8, 512))
    assert model.heights == [1, 8, 512]


def test_a_predictor_is_warmed_up_with_one_row_and_a_whole_batch() -> None:
    model = Noting()
    model.warm_up(512)
    assert model.heights == [1, 512]


def test_a_model_that_answers_for_another_number_of_rows_cannot_be_used() -> None:
    class Sums(Noting):
        def predict(self, columns: Columns) -> TopK:
            return super().predict(columns).rows(0, 1)

    with pytest.raises(ModelNotUsable, match="given 8 rows and answered for 1: its outputs need the batch axis"):
        warm_up(Sums(), Sample.made_up(Sums().signature), (1, 8))


def test_where_memory_is_short_half_as_many_rows_are_tried_and_so_on() -> None:
    model = Noting()
    model.out_of_memory_above = 100
    warm_up(model, Sample.made_up(model.signature), (1, 500))
    assert model.heights == [1, 500, 250, 125, 62]


def test_a_model_that_has_no_memory_for_a_single_row_cannot_be_used() -> None:
    model = NumpyModel()
    model.out_of_memory_above = 0
    with pytest.raises(ModelNotUsable, match=r"fails for made-up rows .* memory for 0 rows, not for 1"):
        warm_up(model, Sample.made_up(model.signature), (1, 8))


def test_a_model_that_fails_for_another_reason_is_not_tried_with_fewer_rows() -> None:
    class FailsForMany(Noting):
        def predict(self, columns: Columns) -> TopK:
            self.fail_everything = ModelUnavailable if len(columns["features"]) > 1 else None
            return super().predict(columns)

    model = FailsForMany()
    with pytest.raises(ModelNotUsable, match="told to fail everything"):
        warm_up(model, Sample.made_up(model.signature), (1, 8))
    assert model.heights == [1, 8]


def test_the_rows_of_a_sample_come_again_and_again() -> None:
    sample = Sample({"x": np.array([[1], [2], [3]]), "word": np.array([b"a", b"b", b"c"], object)}, "three rows")
    assert sample.rows(2)["x"].tolist() == [[1], [2]]
    rows = sample.rows(7)
    assert rows["x"].tolist() == [[1], [2], [3], [1], [2], [3], [1]]
    assert rows["word"].tolist() == [b"a", b"b", b"c", b"a", b"b", b"c", b"a"]

"""Scoring merged batches, and finding the rows that are to blame."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.batching import Slice
from app.codecs.json import RowGroup
from app.errors import ModelFailed, Reason
from app.scoring import Scored, Scorer
from models.errors import ModelUnavailable, RowsRefused
from models.numpy_model import NumpyModel
from models.predictor import Columns, Predictor, TopK

POISON = 13.0


@pytest.fixture(scope="module")
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def table(*first_features: float, width: int = 4) -> npt.NDArray[np.float32]:
    """Rows that differ from each other, with these first features."""
    rows = np.random.default_rng(3).random((len(first_features), width), dtype=np.float32)
    rows[:, 0] = first_features
    return rows


def group(features: npt.NDArray[Any]) -> RowGroup:
    rows = len(features)
    return RowGroup(range(rows), [f"r{row}" for row in range(rows)], {"features": features}, (), features.nbytes)


def whole(features: npt.NDArray[Any]) -> Slice[RowGroup]:
    return Slice(group(features), 0, len(features))


class Calls:
    """A predictor that remembers the columns of every call and passes them on."""

    def __init__(self, inner: Predictor) -> None:
        self._inner = inner
        self.columns: list[Columns] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def predict(self, columns: Columns) -> TopK:
        self.columns.append(columns)
        return self._inner.predict(columns)


def scorer(predictor: Any, executor: ThreadPoolExecutor) -> Scorer:
    return Scorer(predictor, executor, lambda _: None)


def check_rows(scored: Scored, model: NumpyModel, features: npt.NDArray[np.float32], refused: set[int]) -> None:
    """The ranking is that of the rows that were not refused, in order, to the last bit."""
    assert set(scored.refused) == refused
    kept = [row for row in range(len(features)) if row not in refused]
    if not kept:
        assert scored.ranking is None
        return
    expected = NumpyModel(top_k=0).predict({"features": features[kept]})
    assert scored.ranking is not None
    for name in ("scores", "indices", "finite"):
        assert getattr(scored.ranking, name).tobytes() == getattr(expected, name).tobytes()


async def test_the_rows_of_all_slices_make_one_call_and_come_back_apart(executor: ThreadPoolExecutor):
    model = Calls(NumpyModel(top_k=0))
    first, second = table(1, 2, 3, 4, 5), table(6, 7)
    slices = [Slice(group(first), 1, 4), whole(second), Slice(group(first), 4, 5)]
    answers = await scorer(model, executor)(slices)
    (columns,) = model.columns
    assert columns["features"].tobytes() == np.concatenate([first[1:4], second, first[4:]]).tobytes()
    for scored, features in zip(answers, [first[1:4], second, first[4:]], strict=True):
        check_rows(scored, NumpyModel(), features, set())


async def test_the_rows_of_one_slice_are_not_copied(executor: ThreadPoolExecutor):
    model, features = Calls(NumpyModel()), table(1, 2, 3)
    await scorer(model, executor)([Slice(group(features), 1, 3)])
    assert np.shares_memory(model.columns[0]["features"], features)


async def test_poisoned_rows_are_refused_alone_and_their_neighbours_keep_their_places(executor: ThreadPoolExecutor):
    first, second, third = table(POISON, 1, 2), table(3, POISON, POISON), table(POISON)
    scores = scorer(NumpyModel(top_k=0, poison=POISON), executor)
    answers = await scores([whole(first), whole(second), whole(third)])
    for scored, features, refused in zip(answers, [first, second, third], [{0}, {1, 2}, {0}], strict=True):
        check_rows(scored, NumpyModel(), features, refused)
    rejection = answers[0].refused[0]
    assert rejection.reason is Reason.MODEL_ERROR
    assert "the model refuses this record: a row's first feature is the poison" in rejection.message


@settings(max_examples=50, deadline=None)
@given(poisoned=st.lists(st.booleans(), min_size=1, max_size=12), cuts=st.sets(st.integers(1, 11)))
async def test_wherever_the_poison_is_its_neighbours_are_unharmed(
    executor: ThreadPoolExecutor, poisoned: list[bool], cuts: set[int]
):
    features = table(*(POISON if each else row for row, each in enumerate(poisoned)))
    pieces = [piece for piece in np.split(features, sorted(cuts)) if len(piece)]
    answers = await scorer(NumpyModel(top_k=0, poison=POISON), executor)([whole(piece) for piece in pieces])
    for scored, piece in zip(answers, pieces, strict=True):
        check_rows(scored, NumpyModel(), piece, {row for row in range(len(piece)) if piece[row, 0] == POISON})


async def test_a_single_row_that_is_refused_is_not_tried_again(executor: ThreadPoolExecutor):
    model = Calls(NumpyModel(poison=POISON))
    (scored,) = await scorer(model, executor)([whole(table(POISON))])
    assert len(model.columns) == 1
    assert (scored.ranking, set(scored.refused)) == (None, {0})


@pytest.mark.parametrize("rows", [1, 3])
async def test_a_model_that_refuses_its_warm_up_row_too_is_at_fault_itself(executor: ThreadPoolExecutor, rows: int):
    model = NumpyModel()
    model.fail_everything = RowsRefused
    with pytest.raises(ModelFailed, match="its warm-up row too: told to fail everything"):
        await scorer(model, executor)([whole(table(*range(rows)))])


async def test_a_model_that_breaks_between_two_rows_blames_none_of_them(executor: ThreadPoolExecutor):
    class Breaks(NumpyModel):
        def predict(self, columns: Columns) -> TopK:
            if len(columns["features"]) == 1 and columns["features"][0, 0] == 2:
                self.fail_everything = RowsRefused
            return super().predict(columns)

    with pytest.raises(ModelFailed):
        await scorer(Breaks(poison=POISON), executor)([whole(table(1, POISON, 2, 3))])


@pytest.mark.parametrize("features", [table(1, 2), table(1)], ids=["together", "alone"])
async def test_an_unavailable_model_is_not_the_rows_fault(
    executor: ThreadPoolExecutor, features: npt.NDArray[np.float32]
):
    model = Calls(NumpyModel())
    model._inner.fail_everything = ModelUnavailable
    with pytest.raises(ModelUnavailable):
        await scorer(model, executor)([whole(features)])
    assert len(model.columns) == 1


async def test_a_model_that_becomes_unavailable_while_rows_are_tried_alone_is_not_the_rows_fault(
    executor: ThreadPoolExecutor,
):
    class Breaks(NumpyModel):
        def predict(self, columns: Columns) -> TopK:
            if len(columns["features"]) == 1:
                raise ModelUnavailable("out of memory")
            return super().predict(columns)

    with pytest.raises(ModelUnavailable, match="out of memory"):
        await scorer(Breaks(poison=POISON), executor)([whole(table(1, POISON))])


@pytest.mark.parametrize("times", [0, 2])
async def test_a_model_that_answers_for_another_number_of_rows_is_at_fault(executor: ThreadPoolExecutor, times: int):
    class Answers(NumpyModel):
        def predict(self, columns: Columns) -> TopK:
            return super().predict({"features": np.repeat(columns["features"], times, axis=0)})

    with pytest.raises(ModelFailed, match=f"given 3 rows and answered for {3 * times}"):
        await scorer(Answers(), executor)([whole(table(1, 2)), whole(table(3))])


async def test_labels_that_the_model_brings_stay_with_their_rows(executor: ThreadPoolExecutor):
    class Labels(NumpyModel):
        def predict(self, columns: Columns) -> TopK:
            ranking = super().predict(columns)
            names = [[b"%d/%d" % (first, place) for place in range(3)] for first in columns["features"][:, 0]]
            return TopK(ranking.scores, ranking.indices, ranking.finite, np.array(names, object))

    answers = await scorer(Labels(poison=POISON), executor)([whole(table(1, POISON, 2)), whole(table(3))])
    labels = [scored.ranking.labels.tolist() for scored in answers]
    assert labels == [[[b"1/0", b"1/1", b"1/2"], [b"2/0", b"2/1", b"2/2"]], [[b"3/0", b"3/1", b"3/2"]]]


async def test_every_call_is_timed_also_one_that_fails(executor: ThreadPoolExecutor):
    seconds: list[float] = []
    model = NumpyModel(poison=POISON, delay_seconds=0.001)
    await Scorer(model, executor, seconds.append)([whole(table(1, POISON))])
    assert len(seconds) == 3
    assert min(seconds) >= 0.001


@pytest.mark.parametrize("heights", [[1], [7], [3, 1, 5], [64, 64]])
async def test_a_merged_batch_scores_as_tensorflow_does_to_the_last_bit(
    executor: ThreadPoolExecutor, mlp: Predictor, heights: Sequence[int]
):
    features = np.random.default_rng(5).random((sum(heights), 32), dtype=np.float32)
    pieces = np.split(features, np.cumsum(heights)[:-1])
    answers = await scorer(mlp, executor)([whole(piece) for piece in pieces])
    expected = mlp.predict({"features": features})
    for name in ("scores", "indices", "finite"):
        got = np.concatenate([getattr(scored.ranking, name) for scored in answers])
        assert got.tobytes() == getattr(expected, name).tobytes()

"""Scoring merged batches, and finding the rows that are to blame."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.backoff import Backoff
from app.batching import Batcher, Slice
from app.errors import ModelFailed, Reason
from app.limit import BatchLimit
from app.scoring import Rows, Scored, Scorer
from models.errors import ModelUnavailable, OutOfMemory, RowsRefused
from models.numpy_model import NumpyModel
from models.predictor import Columns, Predictor, TopK

POISON = 13.0
AT_ONCE = Backoff(0.0, pauses=2)


@pytest.fixture(scope="module")
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


def table(*first_features: float, width: int = 4) -> npt.NDArray[np.float32]:
    """Rows that differ from each other, with these first features."""
    rows = np.random.default_rng(3).random((len(first_features), width), dtype=np.float32)
    rows[:, 0] = first_features
    return rows


Group = Mapping[str, npt.NDArray[Any]]


def group(features: npt.NDArray[Any]) -> Group:
    return {"features": features}


def whole(features: npt.NDArray[Any]) -> Slice[Group]:
    return Slice(group(features), 0, len(features))


class OneModel:
    """A scorer whose rows are all for *predictor*."""

    def __init__(self, predictor: Any, *arguments: Any, **options: Any) -> None:
        self._predictor = predictor
        self._scorer = Scorer(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scorer, name)

    async def __call__(self, slices: Sequence[Slice[Group]]) -> list[Scored]:
        return await self._scorer([Slice(Rows(each.block, self._predictor), each.start, each.stop) for each in slices])


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


def scorer(predictor: Any, executor: ThreadPoolExecutor) -> OneModel:
    return OneModel(predictor, executor, lambda _: None, limit=BatchLimit(512), backoff=AT_ONCE)


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


# -- how many calls it takes


class Counting(NumpyModel):
    """Counts every call, also those of the known good row, and the rows of each."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.heights: list[int] = []

    def predict(self, columns: Columns) -> TopK:
        self.heights.append(len(columns["features"]))
        return super().predict(columns)


def most_calls(rows: int, culprits: int) -> int:
    """The whole batch, two halves of every part that is refused and can be halved, and the good row per culprit.

    At depth d there are at most 2**d parts, and no more of them are refused than there are culprits.
    """
    depths = (rows - 1).bit_length()
    return 1 + 2 * sum(min(2**depth, culprits) for depth in range(depths)) + culprits


async def test_one_culprit_in_512_costs_20_calls_wherever_it_is(executor: ThreadPoolExecutor):
    model = Counting(poison=POISON, top_k=1)
    scores = scorer(model, executor)
    calls = []
    for place in range(512):
        features = table(*range(1000, 1512))
        features[place, 0] = POISON
        model.heights.clear()
        (scored,) = await scores([whole(features)])
        assert set(scored.refused) == {place}
        assert scored.ranking is not None
        assert len(scored.ranking.scores) == 511
        calls.append(len(model.heights))
    print(f"calls for one culprit in 512: {min(calls)} to {max(calls)}")
    assert max(calls) <= 20


@settings(max_examples=200, deadline=None)
@given(data=st.data(), rows=st.integers(1, 512))
async def test_k_culprits_in_n_rows_cost_about_2_k_log_n_calls(
    executor: ThreadPoolExecutor, data: st.DataObject, rows: int
):
    culprits = data.draw(st.sets(st.integers(0, rows - 1), max_size=data.draw(st.sampled_from([1, 2, 8, rows]))))
    features = table(*range(1000, 1000 + rows))
    features[list(culprits), 0] = POISON
    model = Counting(poison=POISON, top_k=1)
    (scored,) = await scorer(model, executor)([whole(features)])
    assert set(scored.refused) == culprits
    assert len(model.heights) <= most_calls(rows, len(culprits))
    assert most_calls(rows, len(culprits)) <= 1 + len(culprits) * (2 * (rows - 1).bit_length() + 1)


async def test_every_culprit_is_blamed_only_after_a_good_row_was_answered(executor: ThreadPoolExecutor):
    asked: list[str] = []

    class Asked(NumpyModel):
        def answers(self) -> bool:
            asked.append("good row")
            return super().answers()

        def predict(self, columns: Columns) -> TopK:
            asked.append(f"{len(columns['features'])}")
            return super().predict(columns)

    await scorer(Asked(poison=POISON), executor)([whole(table(POISON, 1, 2, POISON))])
    assert asked == ["4", "2", "1", "good row", "1", "1", "2", "1", "1", "good row", "1"]


# -- when the model is at fault


@pytest.mark.parametrize("rows", [1, 3])
async def test_a_model_that_refuses_its_warm_up_row_too_is_at_fault_itself(executor: ThreadPoolExecutor, rows: int):
    model = NumpyModel()
    model.fail_everything = RowsRefused
    with pytest.raises(ModelFailed, match="its warm-up row too: told to fail everything"):
        await scorer(model, executor)([whole(table(*range(rows)))])


async def test_a_model_that_breaks_between_two_rows_blames_none_of_them(executor: ThreadPoolExecutor):
    class Breaks(NumpyModel):
        def predict(self, columns: Columns) -> TopK:
            if len(columns["features"]) == 1 and columns["features"][0, 0] == POISON:
                self.fail_everything = RowsRefused
            return super().predict(columns)

    with pytest.raises(ModelFailed):
        await scorer(Breaks(poison=POISON), executor)([whole(table(1, POISON, 2, 3))])


@pytest.mark.parametrize("features", [table(1, 2), table(1)], ids=["together", "alone"])
async def test_an_unavailable_model_is_not_the_rows_fault_and_the_same_rows_are_tried_again(
    executor: ThreadPoolExecutor, features: npt.NDArray[np.float32]
):
    model = Counting()
    model.fail_everything = ModelUnavailable
    with pytest.raises(ModelFailed, match="the model fails, also at attempt 3: told to fail everything"):
        await scorer(model, executor)([whole(features)])
    assert model.heights == [len(features)] * 3


class FailsForAWhile(Counting):
    """Fails for everything in the calls with these numbers, counted from 1."""

    def __init__(self, failure: type[RowsRefused] | type[ModelUnavailable], *calls: int) -> None:
        super().__init__(poison=POISON, top_k=0)
        self._failure = failure
        self._failing = calls

    def predict(self, columns: Columns) -> TopK:
        self.fail_everything = self._failure if len(self.heights) + 1 in self._failing else None
        return super().predict(columns)


@pytest.mark.parametrize(
    ("failure", "failing", "heights"),
    [
        (ModelUnavailable, (1, 2), [4, 4, 4, 2, 2, 1, 1, 1]),
        (ModelUnavailable, (4,), [4, 2, 2, 1, 1, 1, 1]),  # the culprit alone: tried again, then the good row
        (ModelUnavailable, (5,), [4, 2, 2, 1, 1, 1, 1, 1]),  # the good row: the culprit is tried again first
        (RowsRefused, (1, 2, 3, 4), [4, 2, 1, 1, 1, 1, 2, 1, 1, 1]),  # down to a good row alone: no one is blamed
    ],
)
async def test_a_model_that_comes_back_goes_on_where_it_was_and_blames_the_culprit_alone(
    executor: ThreadPoolExecutor,
    failure: type[RowsRefused] | type[ModelUnavailable],
    failing: Sequence[int],
    heights: list[int],
):
    model, features = FailsForAWhile(failure, *failing), table(1, 2, POISON, 3)
    (scored,) = await scorer(model, executor)([whole(features)])
    check_rows(scored, NumpyModel(), features, {2})
    assert model.heights == heights


async def wait_for(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


async def test_while_the_model_is_at_fault_the_trouble_is_told(executor: ThreadPoolExecutor):
    model = NumpyModel()
    model.fail_everything = ModelUnavailable
    scores = OneModel(model, executor, lambda _: None, limit=BatchLimit(512), backoff=Backoff(3600.0, pauses=1))
    assert scores.trouble is None
    task = asyncio.create_task(scores([whole(table(1))]))
    await wait_for(lambda: scores.trouble is not None)
    assert scores.trouble == "the model fails: told to fail everything; trying again"
    task.cancel()
    await asyncio.wait([task])
    assert scores.trouble is None


async def test_the_model_is_not_asked_again_for_rows_that_nobody_wants_any_more(executor: ThreadPoolExecutor):
    model = Counting(top_k=0)
    model.fail_everything = ModelUnavailable
    limit = BatchLimit(512)
    scores = OneModel(model, executor, lambda _: None, limit=limit, backoff=Backoff(0.001, pauses=10**6))
    batcher = Batcher(scores, limit=limit, max_in_flight=1, max_rows=100, max_bytes=10**6)
    features = table(1, 2)
    one, other = (asyncio.create_task(batcher.submit(group(features), rows=2, nbytes=32)) for _ in range(2))
    await wait_for(lambda: scores.trouble is not None)
    one.cancel()
    calls = len(model.heights)
    await wait_for(lambda: len(model.heights) > calls + 2)
    other.cancel()
    await wait_for(lambda: batcher.in_flight == 0)
    assert scores.trouble is None
    model.fail_everything = None
    parts = await batcher.submit(group(features), rows=2, nbytes=32)
    check_rows(parts[0].result, NumpyModel(), features, set())


async def test_the_oldest_of_the_running_calls_is_told_also_when_nobody_waits_for_it(executor: ThreadPoolExecutor):
    model = Counting()
    scores = scorer(model, executor)
    assert scores.longest_call_seconds == 0
    model.answering.clear()
    tasks = [asyncio.create_task(scores([whole(table(1))]))]
    await wait_for(lambda: scores.longest_call_seconds > 0.05)
    tasks += [asyncio.create_task(scores([whole(table(1))]))]
    await wait_for(lambda: len(model.heights) == 2)
    assert scores.longest_call_seconds > 0.05
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert scores.longest_call_seconds > 0.05
    model.answering.set()
    await wait_for(lambda: scores.longest_call_seconds == 0)


async def test_a_good_row_that_is_never_answered_counts_as_a_running_call_too(executor: ThreadPoolExecutor):
    class Hangs(NumpyModel):
        def answers(self) -> bool:
            self.answering.clear()
            return super().answers()

    model = Hangs(poison=POISON)
    scores = scorer(model, executor)
    task = asyncio.create_task(scores([whole(table(POISON))]))
    await wait_for(lambda: not model.answering.is_set())
    await wait_for(lambda: scores.longest_call_seconds > 0.05)
    model.answering.set()
    (scored,) = await task
    assert set(scored.refused) == {0}


# -- when the device's memory runs out


def short_of_memory(rows: int, **options: Any) -> Counting:
    model = Counting(top_k=0, **options)
    model.out_of_memory_above = rows
    return model


async def test_a_batch_beyond_the_devices_memory_is_split_and_the_limit_lowered(executor: ThreadPoolExecutor):
    model, features, limit = short_of_memory(100), table(*range(512)), BatchLimit(512)
    (scored,) = await OneModel(model, executor, lambda _: None, limit=limit)([whole(features)])
    check_rows(scored, NumpyModel(), features, set())
    assert limit.rows == 64
    assert model.heights == [512, 256, 128, *[64] * 8]


async def test_a_full_batch_that_goes_through_raises_the_limit_again(executor: ThreadPoolExecutor):
    model, limit = short_of_memory(4), BatchLimit(8, raise_seconds=0)
    scores = OneModel(model, executor, lambda _: None, limit=limit)
    await scores([whole(table(*range(8)))])
    lowest = limit.rows
    model.out_of_memory_above = None
    for _ in range(4):
        await scores([whole(table(*range(limit.rows)))])
    assert (lowest, limit.rows) == (5, 8)


async def test_a_single_row_beyond_the_devices_memory_is_not_the_records_fault(executor: ThreadPoolExecutor):
    model = short_of_memory(0)
    with pytest.raises(ModelFailed, match="does not hold a single row: told to have memory for 0 rows, not for 1"):
        await scorer(model, executor)([whole(table(1, 2))])
    assert model.heights == [2, *[1, 1] * 3]


class Greedy(Counting):
    """Has no memory for a row whose first feature is large, or not until it was asked so many times."""

    failures = 0

    def predict(self, columns: Columns) -> TopK:
        ranking = super().predict(columns)
        if self.failures and (columns["features"][:, 0] > 100).any():
            self.failures -= 1
            raise OutOfMemory("no memory for that")
        return ranking


async def test_a_single_row_beyond_the_memory_of_a_device_that_answers_others_is_rejected(executor: ThreadPoolExecutor):
    model, lowered = Greedy(top_k=0), []
    model.failures = 99
    limit = BatchLimit(512, on_lower=lambda: lowered.append(1))
    features = table(1, 200, 3)
    (scored,) = await OneModel(model, executor, lambda _: None, limit=limit)([whole(features)])
    check_rows(scored, NumpyModel(), features, {1})
    assert scored.refused[1].reason is Reason.MODEL_ERROR
    assert "the device's memory does not hold this record: no memory for that" in str(scored.refused[1])
    assert len(lowered) == 2  # for three rows, and for the one
    assert limit.rows == 512  # it was the fault of that record


async def test_memory_that_was_short_for_a_moment_costs_no_record(executor: ThreadPoolExecutor):
    model = Greedy(top_k=0)
    model.failures = 1
    (scored,) = await scorer(model, executor)([whole(table(200))])
    check_rows(scored, NumpyModel(), table(200), set())


@settings(max_examples=150, deadline=None)
@given(data=st.data(), rows=st.integers(1, 40), memory=st.integers(1, 40))
async def test_whatever_comes_together_every_row_gets_its_own_answer(
    executor: ThreadPoolExecutor, data: st.DataObject, rows: int, memory: int
):
    poisoned = data.draw(st.sets(st.integers(0, rows - 1)))
    # Fewer than there are attempts, all of which may fail at one and the same row.
    unavailable = data.draw(st.sets(st.integers(1, 80), max_size=10))

    class Unlucky(Counting):
        def predict(self, columns: Columns) -> TopK:
            if len(self.heights) + 1 in unavailable and not self.failed_last:
                self.heights.append(0)
                self.failed_last = True
                raise ModelUnavailable("aborted")
            self.failed_last = False
            return super().predict(columns)

        failed_last = False

    model = Unlucky(top_k=0, poison=POISON)
    model.out_of_memory_above = memory
    features = table(*range(1000, 1000 + rows))
    features[list(poisoned), 0] = POISON
    cut = data.draw(st.integers(0, rows))
    pieces = [piece for piece in (features[:cut], features[cut:]) if len(piece)]
    answers = await OneModel(model, executor, lambda _: None, limit=BatchLimit(64), backoff=Backoff(0.0, pauses=10))(
        [whole(piece) for piece in pieces]
    )
    for scored, piece in zip(answers, pieces, strict=True):
        check_rows(scored, NumpyModel(), piece, {row for row in range(len(piece)) if piece[row, 0] == POISON})


async def test_rows_beyond_a_limit_that_was_lowered_meanwhile_are_split_without_a_call(executor: ThreadPoolExecutor):
    model, limit, features = Counting(top_k=0), BatchLimit(8), table(*range(8))
    limit.lower(6)
    (scored,) = await OneModel(model, executor, lambda _: None, limit=limit)([whole(features)])
    check_rows(scored, NumpyModel(), features, set())
    assert model.heights == [2, 2, 2, 2]


# -- what a call brings back


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
    await OneModel(model, executor, seconds.append, limit=BatchLimit(512))([whole(table(1, POISON))])
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


# -- real SavedModels


def exported(path: Path, body: Any, spec: tuple[list[int | None], str]) -> Predictor:
    """A SavedModel of *body*, from `features` to `scores`, loaded and warm."""
    from models.loader import load
    from models.runtime import tf

    serve = tf.function(body, input_signature=[tf.TensorSpec(*spec, "features")], autograph=False)
    tf.saved_model.save(tf.Module(), str(path), signatures={"serving_default": serve})
    predictor = load(path, device="cpu", top_k=0)
    predictor.warm_up(64)
    return predictor


async def test_a_saved_model_that_refuses_some_rows_gives_everyone_else_the_ranking_of_a_model_that_does_not(
    executor: ThreadPoolExecutor, mlp: Predictor, tmp_path: Path
):
    from models.runtime import tf

    def body(features: Any) -> dict[str, Any]:
        slow = tf.reduce_any(features[:, 0] < 0)
        with tf.control_dependencies([tf.debugging.Assert(~slow, ["speed must not be negative"])]):
            return {"scores": features * 2}

    model = Calls(exported(tmp_path / "careful", body, ([None, 4], "float32")))
    features = np.random.default_rng(9).random((512, 4), dtype=np.float32)
    culprits = {0, 77, 78, 511}
    features[list(culprits), 0] = -1
    (scored,) = await scorer(model, executor)([whole(features)])
    assert set(scored.refused) == culprits
    assert {why.message for why in scored.refused.values()} == {
        "the model refuses this record: assertion failed: [speed must not be negative]"
    }
    kept = np.delete(features, list(culprits), axis=0)
    assert scored.ranking is not None
    assert scored.ranking.scores.tobytes() == (-np.sort(-kept * 2, axis=1)).tobytes()
    print(f"calls for 4 culprits in 512, less the good rows: {len(model.columns)}")
    assert len(model.columns) <= most_calls(512, 4) - 4


async def test_a_saved_model_that_really_runs_out_of_memory_answers_in_smaller_batches(
    executor: ThreadPoolExecutor, mlp: Predictor, tmp_path: Path
):
    from models.runtime import tf

    def body(features: Any) -> dict[str, Any]:
        # More than any machine can address, for batches of more than 100 rows.
        floats = tf.where(tf.shape(features)[0] > 100, tf.constant(2**55, tf.int64), tf.constant(1, tf.int64))
        return {"scores": features + 0 * tf.random.uniform([floats])[0]}

    model, limit = exported(tmp_path / "hungry", body, ([None, 4], "float32")), BatchLimit(512)
    features = np.random.default_rng(9).random((128, 4), dtype=np.float32)
    # TensorFlow takes 10 s to say so, in which memory might come free.
    (scored,) = await OneModel(model, executor, lambda _: None, limit=limit)([whole(features)])
    assert scored.refused == {}
    assert scored.ranking is not None
    assert scored.ranking.scores.tobytes() == (-np.sort(-features, axis=1)).tobytes()
    assert limit.rows == 64

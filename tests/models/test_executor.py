"""How a model is run, and that it answers the same in both executors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelUnavailable, RowsRefused
from models.executor import PARALLEL, SEQUENTIAL, Choice, _quick_rows, choose
from models.predictor import Predictor

Load = Callable[..., Predictor]
Export = Callable[..., Path]


class Times:
    """A call that takes as long as it is told, by its own clock, in either executor, with one row and with the most."""

    def __init__(self, parallel: float, sequential: float, one: float = 0.0) -> None:
        self.seconds = {(PARALLEL, 8): parallel, (SEQUENTIAL, 8): sequential, (SEQUENTIAL, 1): one}
        self.calls: list[tuple[str, int]] = []
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def __call__(self, executor: str, rows: int) -> None:
        self.calls.append((executor, rows))
        self.now += self.seconds[executor, rows]


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Callable[[Times], Choice]:
    """What is chosen for a call, by its own clock: under load a sleep of 3 ms may take more than the 5 allowed."""

    def choose_by(times: Times) -> Choice:
        monkeypatch.setattr("models.executor.time", times)
        return choose(times, 1, 8)

    return choose_by


def test_a_quick_call_goes_where_it_takes_less_time(chosen: Callable[[Times], Choice]) -> None:
    assert chosen(Times(0.003, 0.001)).executor == SEQUENTIAL
    assert chosen(Times(0.001, 0.003)) == Choice(PARALLEL, 0)


def test_a_long_call_is_made_once_and_stays_parallel(chosen: Callable[[Times], Choice]) -> None:
    times = Times(0.02, 0.0)
    assert chosen(times) == Choice(PARALLEL, 0)
    assert times.calls == [(PARALLEL, 8)]


def test_what_the_sequential_one_refuses_stays_parallel() -> None:
    def call(executor: str, _rows: int) -> None:
        if executor == SEQUENTIAL:
            raise ModelUnavailable("no control flow here")

    assert choose(call, 1, 8) == Choice(PARALLEL, 0)


@pytest.mark.parametrize(
    ("one", "eight", "quick"),
    [(0.0001, 0.0002, 8), (0.0001, 0.0003, 8), (0.0001, 0.0005, 4), (0.0001, 0.0009, 2), (0.0004, 0.0008, 0)],
)
def test_so_many_rows_are_quick_as_take_less_time_than_a_thread(one: float, eight: float, quick: int) -> None:
    assert _quick_rows(one, 1, eight, 8) == quick


def test_a_model_answers_the_same_in_both_and_refuses_the_same(
    tf: Any, export: Export, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    def body(speed: Any) -> dict[str, Any]:
        whole = tf.debugging.check_numerics(speed, "a speed")
        return {"scores": tf.stack([whole, -whole], axis=1)}

    def sequential(call: Callable[[str, int], object], _fewest: int, most: int) -> Choice:
        call(SEQUENTIAL, most)
        return Choice(SEQUENTIAL, most)

    path = export(body, speed=([None], tf.float32))
    one, other = load(path), load(path)
    monkeypatch.setattr("models.saved_model.choose", sequential)
    other.warm_up(8)
    assert (executor_of(one), executor_of(other)) == (PARALLEL, SEQUENTIAL)
    assert (one.quick_rows, other.quick_rows) == (0, 8)
    columns = {"speed": np.arange(1, 9, dtype=np.float32)}
    for _ in range(2):
        assert np.array_equal(one.predict(columns).scores, other.predict(columns).scores)
        assert np.array_equal(one.predict(columns).indices, other.predict(columns).indices)
        with pytest.raises(RowsRefused):
            other.predict({"speed": np.array([1, np.nan], np.float32)})


def test_a_model_with_a_loop_of_its_own_stays_parallel(tf: Any, export: Export, load: Load) -> None:
    def body(x: Any) -> dict[str, Any]:
        rounds = tf.where(tf.reduce_any(x > 5.0), 9, 1)
        _, same = tf.while_loop(lambda i, _: i < rounds, lambda i, y: (i + 1, y * 1.0), (tf.constant(0), x))
        return {"scores": same}

    model = load(export(body, x=([None, 2], tf.float32)))
    model.warm_up(4)
    assert executor_of(model) == PARALLEL
    assert model.predict({"x": np.ones((3, 2), np.float32)}).scores.tolist() == [[1.0, 1.0]] * 3


def test_only_where_rows_are_of_one_size_their_number_tells_how_long_they_take(
    tf: Any, export: Export, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []

    def choose(_call: object, fewest: int, most: int) -> Choice:
        asked.append((fewest, most))
        return Choice()

    def chosen(shape: list[int | None], dtype: Any) -> bool:
        def body(x: Any) -> dict[str, Any]:
            numbers = tf.strings.length(x) if dtype == tf.string else x
            return {"scores": tf.cast(tf.reshape(numbers, [tf.shape(x)[0], -1])[:, :1], tf.float32)}

        asked.clear()
        load(export(body, x=(shape, dtype))).warm_up(8)
        return asked == [(1, 8)]

    monkeypatch.setattr("models.saved_model.choose", choose)
    assert chosen([None, 3], tf.float32)
    assert chosen([None], tf.int64)
    assert not chosen([None, None], tf.float32)
    assert not chosen([None], tf.string)


def executor_of(model: Any) -> str:
    executor: str = model._choice.executor
    return executor

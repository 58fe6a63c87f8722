"""How a model is run, and that it answers the same in all executors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelUnavailable, RowsRefused
from models.executor import IN_SESSION, PARALLEL, SEQUENTIAL, Choice, _quick_rows, choose
from models.predictor import Predictor

Load = Callable[..., Predictor]
Export = Callable[..., Path]


class Times:
    """A call that takes as long as it is told, by its own clock, with the most rows and with one."""

    def __init__(self, parallel: float, sequential: float, session: float, one: float = 0.0) -> None:
        self.seconds = {PARALLEL: parallel, SEQUENTIAL: sequential, IN_SESSION: session}
        self.one = one
        self.calls: list[tuple[str, int]] = []
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def __call__(self, executor: str, rows: int) -> None:
        self.calls.append((executor, rows))
        self.now += self.seconds[executor] if rows > 1 else self.one


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Callable[[Times], Choice]:
    """What is chosen for a call, by its own clock: under load a sleep of 3 ms may take more than the 5 allowed."""

    def choose_by(times: Times) -> Choice:
        monkeypatch.setattr("models.executor.time", times)
        return choose(times, 1, 8)

    return choose_by


def test_a_quick_call_goes_where_it_takes_less_time(chosen: Callable[[Times], Choice]) -> None:
    assert chosen(Times(0.003, 0.001, 0.002)).executor == SEQUENTIAL
    assert chosen(Times(0.003, 0.002, 0.001)).executor == IN_SESSION
    assert chosen(Times(0.001, 0.003, 0.002)) == Choice(PARALLEL, 0)


def test_of_those_that_take_as_long_it_is_the_one_with_the_fewest_threads(chosen: Callable[[Times], Choice]) -> None:
    assert chosen(Times(0.001, 0.00104, 0.00104)).executor == IN_SESSION
    assert chosen(Times(0.001, 0.00104, 0.00106)).executor == SEQUENTIAL


def test_a_long_call_is_made_twice_and_stays_parallel(chosen: Callable[[Times], Choice]) -> None:
    times = Times(0.02, 0.0, 0.0)
    assert chosen(times) == Choice(PARALLEL, 0)
    assert times.calls == [(PARALLEL, 8)] * 2


def test_a_call_that_once_waited_for_a_core_is_not_long(chosen: Callable[[Times], Choice]) -> None:
    class Late(Times):
        def __call__(self, executor: str, rows: int) -> None:
            self.now += 0.0 if self.calls else 1.0
            super().__call__(executor, rows)

    assert chosen(Late(0.003, 0.001, 0.002)).executor == SEQUENTIAL


@pytest.mark.parametrize("refusing", [{SEQUENTIAL}, {IN_SESSION}, {SEQUENTIAL, IN_SESSION}])
def test_what_an_executor_refuses_is_run_by_another(
    refusing: set[str], chosen: Callable[[Callable[[str, int], None]], Choice]
) -> None:
    class Refusing(Times):
        def __call__(self, executor: str, rows: int) -> None:
            if executor in refusing:
                raise ModelUnavailable("no control flow here")
            super().__call__(executor, rows)

    left = [executor for executor in (PARALLEL, SEQUENTIAL, IN_SESSION) if executor not in refusing]
    assert chosen(Refusing(0.001, 0.001, 0.001)).executor == left[-1]


@pytest.mark.parametrize(
    ("one", "eight", "quick"),
    [(0.0001, 0.0002, 8), (0.0001, 0.0003, 8), (0.0001, 0.0005, 4), (0.0001, 0.0009, 2), (0.0004, 0.0008, 0)],
)
def test_so_many_rows_are_quick_as_take_less_time_than_a_thread(one: float, eight: float, quick: int) -> None:
    assert _quick_rows(one, 1, eight, 8) == quick


@pytest.mark.parametrize("executor", [SEQUENTIAL, IN_SESSION])
def test_a_model_answers_the_same_everywhere_and_refuses_the_same(
    executor: str, tf: Any, export: Export, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    def body(speed: Any) -> dict[str, Any]:
        whole = tf.debugging.check_numerics(speed, "a speed")
        return {"scores": tf.stack([whole, -whole], axis=1)}

    def choose(call: Callable[[str, int], object], _fewest: int, most: int) -> Choice:
        call(executor, most)
        return Choice(executor, most)

    path = export(body, speed=([None], tf.float32))
    one, other = load(path), load(path)
    monkeypatch.setattr("models.saved_model.choose", choose)
    other.warm_up(8)
    assert (executor_of(one), executor_of(other)) == (PARALLEL, executor)
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

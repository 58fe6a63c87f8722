"""A ranking in a session says what it says as a function, and what cannot be run there is told."""

import gc
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelError, ModelNotUsable, ModelUnavailable
from models.executor import IN_SESSION, Choice
from models.predictor import Predictor
from models.session import MOST_BYTES, RankingSession

Load = Callable[..., Predictor]
Export = Callable[..., Path]


@pytest.fixture
def in_session(load: Load, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load a model, warm it up, and let it run in a session whatever is faster."""

    def choose(call: Callable[[str, int], object], _fewest: int, most: int) -> Choice:
        call(IN_SESSION, most)
        return Choice(IN_SESSION, most)

    def ready(*args: Any, **kwargs: Any) -> Predictor:
        with monkeypatch.context() as patch:
            patch.setattr("models.saved_model.choose", choose)
            model = load(*args, **kwargs)
            model.warm_up(8)
        assert model.quick_rows
        return model

    return ready


def test_variables_and_constants_are_copied_and_threads_do_not_mix(mlp: Path, load: Load, in_session: Load) -> None:
    one, other = load(mlp / "1"), in_session(mlp / "1")
    random = np.random.default_rng(3)
    batches = [{"features": random.normal(size=(rows, 32)).astype(np.float32)} for rows in range(1, 60)]
    with ThreadPoolExecutor(8) as threads:
        answered = list(threads.map(other.predict, batches))
    for batch, ranking in zip(batches, answered, strict=True):
        expected = one.predict(batch)
        np.testing.assert_allclose(ranking.scores, expected.scores, rtol=1e-5)
        assert np.array_equal(ranking.indices, expected.indices)
        assert ranking.finite.all()


def test_numbers_of_another_type_are_converted_as_ever(mlp: Path, in_session: Load) -> None:
    model = in_session(mlp / "1")
    exact = {"features": np.arange(64, dtype=np.float64).reshape(2, 32) / 64}
    expected = model.predict({"features": exact["features"].astype(np.float32)})
    np.testing.assert_allclose(model.predict(exact).scores, expected.scores, rtol=1e-5)


def test_a_model_that_was_given_up_answers_no_more(mlp: Path, in_session: Load) -> None:
    model = in_session(mlp / "1")
    model.give_up()
    with pytest.raises(ModelUnavailable, match="given up"):
        model.predict(model.known_good_rows(1))  # type: ignore[attr-defined]


def test_a_version_that_went_leaves_no_session_behind(mlp: Path, in_session: Load) -> None:
    model: Any = in_session(mlp / "1")
    session = weakref.ref(model._session._call._session)
    del model
    gc.collect()
    assert session() is None


def test_what_a_session_cannot_run_runs_as_before(tf: Any, export: Export, load: Load) -> None:
    model: Any = load(export(lambda x: {"scores": x + tf.random.uniform([]) * 0}, x=([None, 2], tf.float32)))
    model.warm_up(8)
    assert model._choice.executor != IN_SESSION
    assert model._session is None
    assert model.predict({"x": np.ones((3, 2), np.float32)}).scores.tolist() == [[1.0, 1.0]] * 3


class Bodies:
    """Models, one a reason why a session cannot run them."""

    def __init__(self, tf: Any) -> None:
        self.tf = tf
        self.counter = tf.Variable(0.0)
        self.rows = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
        self.large = tf.Variable(tf.zeros([MOST_BYTES // 4 + 1]))
        values = tf.lookup.KeyValueTensorInitializer(tf.constant([1], tf.int64), tf.constant([2.0]))
        self.table = tf.lookup.StaticHashTable(values, 0.0)

    def random(self, x: Any) -> Any:
        return x + self.tf.random.uniform([])

    def counting(self, x: Any) -> Any:
        return x + self.counter.assign_add(1.0)

    def looking_up(self, x: Any) -> Any:
        return x + self.table.lookup(self.tf.cast(x, self.tf.int64))

    def looping(self, x: Any) -> Any:
        return self.tf.while_loop(lambda y: self.tf.reduce_any(y > 1.0), lambda y: (y / 2,), (x,))[0]

    def python(self, x: Any) -> Any:
        scores = self.tf.py_function(lambda y: y, [x], x.dtype)
        return self.tf.ensure_shape(scores, x.shape)

    def embedding(self, x: Any) -> Any:
        return self.tf.gather(self.rows, self.tf.cast(x[:, 0], self.tf.int32))

    def much(self, x: Any) -> Any:
        return x + self.large[0]

    def whole(self, x: Any) -> Any:
        return x + 1


@pytest.mark.parametrize(
    ("body", "dtype", "reason"),
    [
        ("random", "float32", "does not run RandomUniform"),
        ("counting", "float32", "does not run AssignAddVariableOp"),
        ("looking_up", "float32", "does not run LookupTableFindV2"),
        ("looping", "float32", "does not run .*While"),
        ("python", "float32", "does not run EagerPyFunc"),
        ("much", "float32", f"variables of {MOST_BYTES} bytes at most"),
        ("whole", "string", "is not given string"),
        ("whole", "bfloat16", "is not given bfloat16"),
    ],
)
def test_what_a_session_cannot_run_is_told(tf: Any, body: str, dtype: str, reason: str) -> None:
    bodies = Bodies(tf)
    call = getattr(bodies, body) if dtype != "string" else tf.strings.length
    ranking = tf.function(lambda x: [call(x)], autograph=False).get_concrete_function(tf.TensorSpec([None, 2], dtype))
    with pytest.raises(ModelNotUsable, match=reason):
        RankingSession.of(ranking, 1)


def test_rows_of_a_table_that_is_a_variable_are_read(tf: Any) -> None:
    bodies = Bodies(tf)
    answered = session_of(tf, bodies.embedding)([np.array([[1, 0], [0, 0]], np.float32)])
    assert answered is not None
    assert answered[0].tolist() == [[3.0, 4.0], [1.0, 2.0]]


def test_a_session_leaves_gpus_alone(mlp: Path, in_session: Load) -> None:
    model: Any = in_session(mlp / "1")
    session = model._session._call._session
    assert session._config.device_count["GPU"] == 0
    assert {device.device_type for device in session.list_devices()} == {"CPU"}


def session_of(tf: Any, body: Callable[[Any], Any]) -> RankingSession:
    function = tf.function(lambda x: [body(x)], autograph=False)
    return RankingSession.of(function.get_concrete_function(tf.TensorSpec([None, 2], tf.float32)), 1)


def test_what_a_session_says_is_compared_with_what_the_function_says(tf: Any) -> None:
    given, doubled = [np.array([[1, 2]], np.float32)], np.array([[2, 4]], np.float32)
    session = session_of(tf, lambda x: x * 2)
    assert session.answers_as([doubled], given)
    assert session.answers_as([doubled * np.float32(1 + 1e-6)], given)
    assert not session.answers_as([doubled * np.float32(1.1)], given)
    assert not session.answers_as([doubled.astype(np.float64)], given)
    assert not session.answers_as([doubled[:, :1]], given)


def test_answers_have_memory_of_their_own(tf: Any) -> None:
    session = session_of(tf, tf.identity)
    # TensorFlow hands memory through only where that begins at a multiple of 64.
    room = np.zeros(64 + 16, np.float32)
    first = -room.ctypes.data % 64 // 4
    given = room[first : first + 64].reshape(32, 2)
    [answered] = session([given]) or []
    given[:] = 1
    assert not answered.any()


def test_a_graph_that_fails_in_a_session_fails_as_a_model_does(tf: Any, export: Export, in_session: Load) -> None:
    def body(x: Any) -> dict[str, Any]:
        return {"scores": tf.debugging.check_numerics(x, "a speed")}

    model = in_session(export(body, x=([None, 2], tf.float32)))
    with pytest.raises(ModelError, match="a speed"):
        model.predict({"x": np.array([[1, np.nan]], np.float32)})

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from models.errors import ModelNotUsable, ModelUnavailable, OutOfMemory, RowsRefused
from models.numpy_model import NumpyModel
from models.predictor import Predictor
from models.topk import best_classes


def rows(count: int, features: int = 4) -> np.ndarray:
    return np.random.default_rng(3).standard_normal((count, features), dtype=np.float32)


def test_it_is_a_predictor_with_known_inputs() -> None:
    model: Predictor = NumpyModel(features=6)
    assert [(spec.name, spec.dtype, spec.shape) for spec in model.signature.inputs] == [("features", "float32", (6,))]
    assert (model.name, model.version, model.device, model.labels) == ("numpy", "unversioned", "cpu", None)
    assert model.classes == model.scores(np.zeros((1, 6), np.float32)).shape[1]


def test_it_scores_features_times_weights_plus_bias() -> None:
    model = NumpyModel(features=6, classes=9, seed=2, top_k=0)
    features = rows(20, 6)
    top = model.predict({"features": features})
    expected = features @ model.weights + model.bias
    np.testing.assert_allclose(top.scores, np.take_along_axis(expected, top.indices, axis=1), rtol=1e-5, atol=1e-6)
    assert top.scores.dtype == np.float32
    assert (np.diff(top.scores, axis=1) <= 0).all()
    assert top.finite.all()


def test_the_seed_decides_the_weights() -> None:
    features = rows(5)
    same = [NumpyModel(seed=seed).predict({"features": features}).scores for seed in (1, 1, 2)]
    assert np.array_equal(same[0], same[1])
    assert not np.array_equal(same[0], same[2])


def test_a_row_scores_the_same_bits_in_any_batch() -> None:
    model = NumpyModel(features=37, classes=11, top_k=0)
    features = rows(100, 37)
    alone = [model.predict({"features": features[i : i + 1]}).scores[0] for i in range(100)]
    assert np.array_equal(model.predict({"features": features}).scores, np.stack(alone))


def test_top_k_keeps_that_many_and_zero_keeps_all() -> None:
    features = {"features": rows(2)}
    assert NumpyModel(classes=7, top_k=3).predict(features).scores.shape == (2, 3)
    assert NumpyModel(classes=7, top_k=99).predict(features).scores.shape == (2, 7)
    assert NumpyModel(classes=7, top_k=0).predict(features).scores.shape == (2, 7)


def test_ties_keep_the_order_of_classes() -> None:
    scores = np.array([[1, 3, 2, 3, 3], [0.0, -0.0, 0.0, -0.0, -1.0]], dtype=np.float32)
    top = best_classes(scores, 4)
    assert top.indices.tolist() == [[1, 3, 4, 2], [0, 1, 2, 3]]
    assert np.signbit(top.scores[1]).tolist() == [False, True, False, True]


def test_rows_with_a_score_that_is_not_finite_are_marked_even_below_the_cut() -> None:
    scores = np.array([[1, 2, 3], [1, np.nan, 3], [-np.inf, 2, 3], [np.inf, 2, 3]], dtype=np.float32)
    top = best_classes(scores, 1)
    assert top.finite.tolist() == [True, False, False, False]
    assert top.indices.tolist() == [[2], [2], [2], [0]]


def test_a_poisoned_row_makes_it_refuse_the_whole_batch() -> None:
    model = NumpyModel(poison=0.1)
    features = rows(3)
    features[1, 0] = 0.1
    with pytest.raises(RowsRefused, match=r"poison 0\.1"):
        model.predict({"features": features})
    assert model.predict({"features": features[[0, 2]]}).finite.all()
    assert model.answers()


@pytest.mark.parametrize("failure", [RowsRefused, ModelUnavailable])
def test_it_fails_for_everything_while_told_so(failure: type[RowsRefused] | type[ModelUnavailable]) -> None:
    model = NumpyModel()
    model.warm_up(4)
    model.fail_everything = failure
    with pytest.raises(failure):
        model.predict({"features": rows(1)})
    assert not model.answers()
    with pytest.raises(ModelNotUsable, match="fails for made-up rows"):
        model.warm_up(4)
    model.fail_everything = None
    assert model.answers()


def test_a_batch_beyond_its_memory_is_more_than_it_takes_while_told_so() -> None:
    model = NumpyModel()
    model.out_of_memory_above = 2
    with pytest.raises(OutOfMemory, match="memory for 2 rows, not for 3"):
        model.predict({"features": rows(3)})
    assert model.predict({"features": rows(2)}).finite.all()
    model.out_of_memory_above = 0
    assert not model.answers()
    model.out_of_memory_above = None
    assert model.predict({"features": rows(3)}).finite.all()


def test_a_row_told_to_score_nan_does_so_alone() -> None:
    features = rows(3)
    features[1, 0] = 7
    top = NumpyModel(nan=7).predict({"features": features})
    assert top.finite.tolist() == [True, False, True]
    assert np.isnan(top.scores[1]).all()


def test_every_call_hangs_until_it_may_answer() -> None:
    model = NumpyModel()
    model.answering.clear()
    with ThreadPoolExecutor(1) as thread:
        call = thread.submit(model.predict, {"features": rows(1)})
        with pytest.raises(TimeoutError):
            call.result(0.05)
        model.answering.set()
        assert call.result(30).finite.all()


def test_every_call_takes_the_delay_at_least() -> None:
    model = NumpyModel(delay_seconds=0.02)
    began = time.monotonic()
    model.predict({"features": rows(1)})
    assert time.monotonic() - began >= 0.02


def test_labels_must_be_as_many_as_classes() -> None:
    assert NumpyModel(classes=2, labels=("no", "yes")).labels == ("no", "yes")
    with pytest.raises(ModelNotUsable, match="1 labels for 2 classes"):
        NumpyModel(classes=2, labels=("no",))

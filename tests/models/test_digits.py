import numpy as np
import pytest

from models.digits import EPOCHS, LABELS, HeldOut, train
from models.loader import load
from models.signature import TensorSpec


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    told = []
    held_out = train(folder / "1", seed=7, on_epoch=lambda epoch, accuracy: told.append((epoch, accuracy)))
    return folder, held_out, told


def test_a_third_of_the_images_is_held_out_and_most_of_it_is_read_right(trained):
    _, held_out, _ = trained
    assert held_out.features.shape == (599, 64)
    assert held_out.features.dtype == np.float32
    assert set(held_out.digits) == set(range(10))
    assert (held_out.digits == held_out.predicted).mean() > 0.9


def test_the_exported_model_answers_as_keras_does(trained):
    folder, held_out, _ = trained
    predictor = load(folder, top_k=1)
    assert predictor.signature.inputs == (TensorSpec("features", "float32", (64,)),)
    answers = predictor.predict({"features": held_out.features})
    assert answers.indices[:, 0].tolist() == held_out.predicted.tolist()


def test_there_is_a_label_for_each_score(trained):
    folder, held_out, _ = trained
    answers = load(folder, top_k=0).predict({"features": held_out.features[:1]})
    assert answers.scores.shape == (1, len(LABELS))


def test_training_tells_how_far_it_is(trained):
    _, _, told = trained
    assert [epoch for epoch, _ in told] == list(range(1, EPOCHS + 1))
    assert told[0][1] < told[-1][1] <= 1


def test_held_out_images_survive_a_file(trained, tmp_path):
    _, held_out, _ = trained
    held_out.save(tmp_path / "held-out.npz")
    again = HeldOut.load(tmp_path / "held-out.npz")
    for name in ("features", "digits", "predicted"):
        np.testing.assert_array_equal(getattr(again, name), getattr(held_out, name))

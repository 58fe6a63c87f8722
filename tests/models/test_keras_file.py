"""Files of Keras 3."""

import gc
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelNotUsable
from models.fingerprint import read_contents
from models.signature import TensorSpec
from tests.models.conftest import Load


@pytest.fixture(scope="module")
def file(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of words and numbers, with a vocabulary, and what Keras itself says of three rows beside it."""
    import keras

    keras.utils.set_random_seed(5)
    word, number = keras.Input((1,), dtype="string", name="word"), keras.Input((2,), name="number")
    lookup = keras.layers.StringLookup(vocabulary=["cat", "dog"], output_mode="one_hot", num_oov_indices=1)
    joined = keras.layers.Concatenate()([lookup(word), number])
    model = keras.Model([word, number], {"scores": keras.layers.Dense(4, activation="softmax")(joined)})
    path = tmp_path_factory.mktemp("keras") / "mine.keras"
    model.save(path)
    said = model({"word": tf.constant(WORDS), "number": tf.constant(NUMBERS)})["scores"].numpy()
    np.save(path.with_suffix(".npy"), said)
    return path


WORDS = [["dog"], ["cat"], ["bird"]]
NUMBERS = np.array([[1.0, 2.0], [0.5, 0.0], [-1.0, 3.0]], np.float32)
COLUMNS = {"word": np.array([[b"dog"], [b"cat"], [b"bird"]], object), "number": NUMBERS}


def test_devices_are_set_up_before_keras_uses_them(load: Load, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    from models import keras_file

    seen: list[str] = []
    choose, load_model = keras_file.choose_device, keras.saving.load_model
    monkeypatch.setattr(keras_file, "choose_device", lambda *a, **k: (seen.append("set up"), choose(*a, **k))[1])
    monkeypatch.setattr(keras.saving, "load_model", lambda *a, **k: (seen.append("used"), load_model(*a, **k))[1])
    load(file)
    assert seen == ["set up", "used"]


def test_it_is_ranked_as_keras_says(load: Load, file: Path) -> None:
    model = load(file, top_k=0)
    assert (model.name, model.version) == ("mine.keras", "unversioned")
    assert set(model.signature.inputs) == {TensorSpec("word", "string", (1,)), TensorSpec("number", "float32", (2,))}
    model.warm_up(8)
    top = model.predict(COLUMNS)
    scores = np.take_along_axis(top.scores, np.argsort(top.indices, axis=1), axis=1)
    assert np.allclose(scores, np.load(file.with_suffix(".npy")), rtol=1e-5)
    assert model.fingerprint == read_contents(file).fingerprint


def test_it_may_lie_in_a_numbered_folder(load: Load, file: Path, tmp_path: Path) -> None:
    for number in ("1", "2"):
        (tmp_path / number).mkdir()
        shutil.copy(file, tmp_path / number / "model.keras")
    assert load(tmp_path).version == "2"


def test_what_it_is_exported_to_goes_with_it(
    load: Load, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    model = load(file)
    assert [each.name.startswith("streamrank-keras-") for each in tmp_path.iterdir()] == [True]
    del model
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_keras_does_not_load_is_refused_with_the_reason(load: Load, tmp_path: Path) -> None:
    (tmp_path / "broken.keras").write_bytes(b"no archive")
    with pytest.raises(ModelNotUsable, match=r"broken\.keras: Keras cannot load and export it: .*"):
        load(tmp_path / "broken.keras")


def test_a_file_that_brings_code_along_is_refused(tf: Any, load: Load, tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2)])
    model.save(tmp_path / "lambda.keras")
    with pytest.raises(ModelNotUsable, match=r"(?i)lambda"):
        load(tmp_path / "lambda.keras")

from pathlib import Path

import pytest

from models.errors import ModelNotUsable
from models.versions import folders, kind_of, resolve


def saved_model(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "saved_model.pb").touch()
    return path


def test_a_saved_model_by_itself_is_unversioned(tmp_path: Path) -> None:
    model = saved_model(tmp_path / "digits")
    assert resolve(model, "latest") == (model, "unversioned")


def test_latest_is_the_highest_number_not_the_last_name(tmp_path: Path) -> None:
    saved_model(tmp_path / "9")
    newest = saved_model(tmp_path / "10")
    assert resolve(tmp_path, "latest") == (newest, "10")


@pytest.mark.parametrize(("folder", "wanted"), [("7", "7"), ("007", "7"), ("7", "007"), ("0", "0"), ("00", "0")])
def test_zeros_in_front_do_not_count(tmp_path: Path, folder: str, wanted: str) -> None:
    saved_model(tmp_path / "12")
    model = saved_model(tmp_path / folder)
    assert resolve(tmp_path, wanted) == (model, wanted.lstrip("0") or "0")


def test_what_is_not_a_numbered_folder_is_passed_over(tmp_path: Path) -> None:
    model = saved_model(tmp_path / "3")
    saved_model(tmp_path / "4-broken")
    saved_model(tmp_path / "-5")
    saved_model(tmp_path / "٦")
    (tmp_path / "8").touch()
    assert resolve(tmp_path, "latest") == (model, "3")


def test_a_version_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    saved_model(tmp_path / "10")
    saved_model(tmp_path / "9")
    with pytest.raises(ModelNotUsable, match=r"has no version 4; there are: 9, 10$"):
        resolve(tmp_path, "4")


def test_a_version_of_a_model_without_versions_is_refused(tmp_path: Path) -> None:
    model = saved_model(tmp_path / "digits")
    with pytest.raises(ModelNotUsable, match="without versions, so version 4 cannot be picked"):
        resolve(model, "4")


def test_two_folders_of_one_version_are_refused(tmp_path: Path) -> None:
    saved_model(tmp_path / "3")
    saved_model(tmp_path / "03")
    with pytest.raises(ModelNotUsable, match="03 and 3 are the same version"):
        resolve(tmp_path, "latest")


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotUsable, match=r"nowhere: no such folder"):
        resolve(tmp_path / "nowhere", "latest")


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").touch()
    with pytest.raises(ModelNotUsable, match=r"model\.onnx: not a folder"):
        resolve(tmp_path / "model.onnx", "latest")


@pytest.mark.parametrize("suffix", ["keras", "tflite"])
def test_a_file_of_keras_or_tensorflow_lite_is_a_model_wherever_it_lies(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / "models" / "3" / f"mine.{suffix}"
    file.parent.mkdir(parents=True)
    file.touch()
    (file.parent / "labels.txt").touch()
    assert resolve(file, "latest") == (file, "unversioned")
    assert resolve(file.parent, "latest") == (file, "unversioned")
    assert resolve(tmp_path / "models", "latest") == (file, "3")
    assert kind_of(file) == suffix
    assert set(folders(tmp_path / "models")) == {3}
    file.with_name(f"other.{suffix}").touch()
    with pytest.raises(ModelNotUsable, match="neither a saved_model"):
        resolve(file.parent, "latest")


def test_a_folder_with_nothing_in_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotUsable, match=r"neither a saved_model\.pb nor numbered version folders"):
        resolve(tmp_path, "latest")


def test_a_version_that_is_no_saved_model_is_refused(tmp_path: Path) -> None:
    saved_model(tmp_path / "1")
    (tmp_path / "2").mkdir()
    with pytest.raises(ModelNotUsable, match=r"/2: not a SavedModel, it holds no saved_model\.pb"):
        resolve(tmp_path, "latest")


@pytest.mark.parametrize("version", ["", "newest", "-1", "1.0", "٣"])
def test_a_version_that_is_neither_latest_nor_a_number_is_refused(tmp_path: Path, version: str) -> None:
    saved_model(tmp_path / "1")
    with pytest.raises(ModelNotUsable, match="neither `latest` nor a number"):
        resolve(tmp_path, version)

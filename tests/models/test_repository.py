"""A folder of versions, looked at again and again."""

import os
from pathlib import Path

import pytest

from models.errors import ModelNotUsable
from models.repository import Repository


def put(folder: Path, number: str, content: bytes = b"graph") -> Path:
    place = folder / number
    place.mkdir(exist_ok=True)
    (place / "saved_model.pb").write_bytes(content)
    return place


def test_a_version_is_complete_when_two_looks_agree_about_its_files(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    place = put(tmp_path, "3")
    assert (set(repository.look().there), repository.look().complete.keys()) == ({3}, {3})
    (place / "variables").mkdir()
    (place / "variables" / "data").write_bytes(b"1")
    assert (set((sighting := repository.look()).there), set(sighting.complete)) == ({3}, set())
    assert set(repository.look().complete) == {3}


@pytest.mark.parametrize("change", ["size", "time", "another file", "one file less"])
def test_any_change_of_its_files_is_seen(tmp_path: Path, change: str) -> None:
    repository, place = Repository(tmp_path), put(tmp_path, "1")
    (place / "more").write_bytes(b"12")
    repository.look()
    assert set(repository.look().complete) == {1}
    file = place / "more"
    match change:
        case "size":
            file.write_bytes(b"123")
        case "time":
            os.utime(file, ns=(1, 1))
        case "another file":
            (place / "other").write_bytes(b"")
        case "one file less":
            file.unlink()
    sighting = repository.look()
    assert (set(sighting.there), set(sighting.complete)) == ({1}, set())


def test_what_is_no_version_or_holds_no_graph_yet_is_not_there(tmp_path: Path) -> None:
    put(tmp_path, "latest")
    (tmp_path / "2").mkdir()
    (tmp_path / "7").write_bytes(b"a file")
    assert Repository(tmp_path).look().there == {}
    put(tmp_path, "007")
    assert set(Repository(tmp_path).look().there) == {7}


def test_a_saved_model_by_itself_has_no_versions(tmp_path: Path) -> None:
    put(tmp_path, "model")
    put(tmp_path / "model", "1")
    assert Repository(tmp_path / "model").look().there == {}


def test_a_folder_that_cannot_be_read_or_has_a_version_twice_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelNotUsable, match="nowhere: No such file or directory"):
        Repository(tmp_path / "nowhere").look()
    put(tmp_path, "1")
    put(tmp_path, "01")
    with pytest.raises(ModelNotUsable, match="01 and 1 are the same version"):
        Repository(tmp_path).look()


def test_where_versions_appear_whole_one_look_will_do(tmp_path: Path) -> None:
    repository = Repository(tmp_path, whole=True)
    put(tmp_path, "1")
    assert set(repository.look().complete) == {1}

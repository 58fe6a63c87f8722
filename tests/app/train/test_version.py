import pytest

from app.train.version import new_version


def write(path):
    path.mkdir()
    (path / "saved_model.pb").write_text("a model")


def test_versions_are_counted_on(tmp_path):
    folder = tmp_path / "models"
    for _ in range(2):
        with new_version(folder) as path:
            write(path)
    assert sorted(one.name for one in folder.iterdir()) == ["1", "2"]
    assert (folder / "2" / "saved_model.pb").read_text() == "a model"


def test_the_next_is_behind_the_highest_not_in_a_gap(tmp_path):
    (tmp_path / "9").mkdir()
    with new_version(tmp_path) as path:
        write(path)
    assert (tmp_path / "10").is_dir()


def test_nothing_that_looks_like_a_version_is_there_before_all_of_it_is(tmp_path):
    with new_version(tmp_path) as path:
        write(path)
        assert not [one for one in tmp_path.iterdir() if one.name.isdecimal()]


def fail_while_writing(folder):
    with new_version(folder) as path:
        write(path)
        raise RuntimeError("no more")


def test_nothing_is_left_when_writing_fails(tmp_path):
    with pytest.raises(RuntimeError, match="no more"):
        fail_while_writing(tmp_path)
    assert list(tmp_path.iterdir()) == []

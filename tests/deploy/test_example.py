from pathlib import Path

import pytest

from models import classifier
from models.example import write_example
from models.loader import load


def contents(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_the_example_is_a_version_that_loads_and_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "models" / "example"

    assert write_example(path)
    assert [folder.name for folder in path.iterdir()] == ["1"]
    model = load(path)
    assert (model.name, model.version) == ("example", "1")

    before = contents(path)
    assert not write_example(path)
    assert contents(path) == before


def test_an_example_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_half(path: Path) -> None:
        path.mkdir()
        (path / "saved_model.pb").touch()
        raise OSError("no space left")

    monkeypatch.setattr(classifier, "export_mlp", write_half)

    with pytest.raises(OSError, match="no space left"):
        write_example(tmp_path)

    assert contents(tmp_path) == {}

import shutil
from pathlib import Path

import pytest

from models.fingerprint import read_contents


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "variables" / "a").write_bytes(b"12")
    return tmp_path


def test_it_counts_files_and_bytes(folder: Path) -> None:
    contents = read_contents(folder)
    assert (contents.files, contents.size) == (2, 7)
    assert contents.fingerprint.startswith("sha256:")
    assert len(contents.fingerprint) == len("sha256:") + 64


def test_the_same_files_elsewhere_have_the_same_fingerprint(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    twin = tmp_path_factory.mktemp("twin") / "model"
    shutil.copytree(folder, twin)
    assert read_contents(twin) == read_contents(folder)


def test_another_content_name_or_place_gives_another(folder: Path) -> None:
    seen = {read_contents(folder).fingerprint}
    (folder / "variables" / "a").write_bytes(b"13")
    seen.add(read_contents(folder).fingerprint)
    (folder / "variables" / "a").rename(folder / "variables" / "b")
    seen.add(read_contents(folder).fingerprint)
    (folder / "variables" / "b").rename(folder / "b")
    seen.add(read_contents(folder).fingerprint)
    # The bytes of one file at the end of another: the same bytes all in all.
    (folder / "b").unlink()
    (folder / "saved_model.pb").write_bytes(b"graph13")
    seen.add(read_contents(folder).fingerprint)
    assert len(seen) == 5

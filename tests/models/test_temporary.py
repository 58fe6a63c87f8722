"""Folders that go with a model."""

import gc
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from models import temporary


class Owner:
    pass


def test_a_folder_goes_with_its_owner_or_when_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    owner, owned, other = Owner(), temporary.make_folder("a-"), temporary.make_folder("b-")
    (owned / "file").write_bytes(b"1")
    temporary.remove_with(owner, owned)
    assert sorted(each.name[:2] for each in tmp_path.iterdir()) == ["a-", "b-"]
    del owner
    gc.collect()
    temporary.remove(other)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_ends_at_once_can_take_them_all_along(tmp_path: Path) -> None:
    code = "from models import temporary; import os; temporary.make_folder('x-'); temporary.remove_all(); os._exit(0)"
    environment = {"TMPDIR": str(tmp_path), "PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
    assert list(tmp_path.iterdir()) == []

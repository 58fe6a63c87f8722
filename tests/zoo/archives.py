"""Packages that hold published models, fetched once with pip and kept in the user's cache; nothing is installed."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path

LOCK = Path(__file__).parents[2] / "requirements" / "zoo.txt"


@cache
def unpacked() -> Path:
    """Return a folder with the packages of `requirements/zoo.txt` unpacked side by side."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "streamrank" / "zoo"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = folder / LOCK.name
        if not kept.is_file() or kept.read_bytes() != LOCK.read_bytes():
            _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    # Everything is complete in a folder beside the cache before one rename shows it: a broken download is never seen.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetching-") as workplace:
        archives, fresh = Path(workplace) / "archives", Path(workplace) / "fresh"
        # Made for older Pythons, some of them; only their files are looked at.
        options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--ignore-requires-python", "--quiet"]
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            *options,
            "--dest",
            str(archives),
            "--requirement",
            str(LOCK),
        ]
        subprocess.run(command, check=True)
        fresh.mkdir()
        for archive in archives.iterdir():
            with zipfile.ZipFile(archive) as wheel:
                wheel.extractall(fresh)
        shutil.copy(LOCK, fresh)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)

"""A folder of versions that is looked at again and again."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from models import versions
from models.errors import ModelNotUsable

Files = tuple[tuple[str, int, int], ...]
"""Path within the version's folder, size in bytes and time of change in nanoseconds, of each file."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was seen of the versions at one look.

    Attributes:
        there: the versions that hold a SavedModel, by number.
        complete: those of them whose files have not changed since the look before.
    """

    there: Mapping[int, Files]
    complete: Mapping[int, Files]


class Repository:
    """Tells which versions are there, and which of them are no longer being written.

    Args:
        path: a folder of models named by their version number; anything else has no versions.
        whole: whether versions appear there whole, so that the first look will do.
    """

    def __init__(self, path: Path, *, whole: bool = False) -> None:
        self._path = path
        self._whole = whole
        self._before: Mapping[int, Files] = {}

    def look(self) -> Sighting:
        """Look at the folder now; takes a system call per file.

        Raises:
            ModelNotUsable: the folder cannot be read, or holds one version twice.
        """
        try:
            there = {number: _files(folder) for number, folder in versions.folders(self._path).items()}
        except OSError as error:
            raise ModelNotUsable(f"model path {self._path}: {error.strerror or error}") from error
        before = there if self._whole else self._before
        complete = {number: files for number, files in there.items() if before.get(number) == files}
        self._before = there
        return Sighting(there, complete)


def _files(folder: Path) -> Files:
    found = []
    for file in sorted(folder.rglob("*")):
        try:
            about = file.stat()
        except FileNotFoundError:
            continue  # removed while we looked
        if file.is_file():
            found.append((str(file.relative_to(folder)), about.st_size, about.st_mtime_ns))
    return tuple(found)

"""Folders that a model needs for as long as it is there."""

from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from weakref import finalize

_FOLDERS: set[Path] = set()


def make_folder(prefix: str) -> Path:
    """Return a new, empty folder in the system's temporary one."""
    folder = Path(mkdtemp(prefix=prefix))
    _FOLDERS.add(folder)
    return folder


def remove(folder: Path) -> None:
    """Remove a folder that `make_folder` returned."""
    rmtree(folder, ignore_errors=True)
    _FOLDERS.discard(folder)


def remove_with(owner: object, folder: Path) -> None:
    """Remove a folder when *owner* is collected."""
    finalize(owner, remove, folder)


def remove_all() -> None:
    """Remove all that are left: for a process that ends without Python's own way of ending."""
    for folder in list(_FOLDERS):
        remove(folder)

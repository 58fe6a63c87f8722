"""What the files of a model hash to, so that people can tell whether two models are the same."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of a model.

    Attributes:
        fingerprint: `sha256:` and 64 digits: of every file's path and content, in the order of the paths.
        files: how many there are.
        size: bytes in all of them.
    """

    fingerprint: str
    files: int
    size: int


def read_contents(folder: Path) -> Contents:
    """Read all files below *folder*, or *folder* itself if it is a file; raises OSError where one cannot be read."""
    whole = hashlib.sha256()
    files = size = 0
    root = folder if folder.is_dir() else folder.parent
    for file in sorted(_files(folder), key=lambda each: each.relative_to(root).as_posix()):
        content = hashlib.sha256()
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                content.update(block)
                size += len(block)
        # Digests have one length, so that no two lists of files look the same.
        whole.update(hashlib.sha256(file.relative_to(root).as_posix().encode()).digest() + content.digest())
        files += 1
    return Contents(f"sha256:{whole.hexdigest()}", files, size)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in (folder.rglob("*") if folder.is_dir() else [folder]) if path.is_file())

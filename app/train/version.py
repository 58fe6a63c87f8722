"""A new version in a folder of versions, there as a whole or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_version(folder: Path) -> Iterator[Path]:
    """Give a path to write a SavedModel to; afterwards it is the version behind the highest in *folder*.

    A service that looks at the folder meanwhile sees nothing: its name is no number until all is there. When the body
    raises nothing is left.

    Raises:
        OSError: the folder cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    workplace = Path(tempfile.mkdtemp(prefix=".training-", dir=folder))
    try:
        written = workplace / "model"
        yield written
        written.rename(folder / str(next_number(folder)))
    finally:
        shutil.rmtree(workplace)


def next_number(folder: Path) -> int:
    """Return the number of the next version."""
    return max((int(one.name) for one in folder.iterdir() if one.name.isdecimal()), default=0) + 1

"""Unpack an archive that holds a model."""

import tarfile
import zipfile
from pathlib import Path

from models.errors import ModelNotUsable

SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")


def unpack(archive: Path, name: str, folder: Path) -> None:
    """Unpack *archive*, whose *name* tells its kind, to the folder *folder*; nothing is written outside of that.

    Raises:
        ModelNotUsable: it is broken, or has members that would lie outside.
        OSError: there is no room for it.
    """
    try:
        if name.endswith(".zip"):
            with zipfile.ZipFile(archive) as members:
                _refuse_strays(members)
                members.extractall(folder)  # noqa: S202 - the names have been looked at
        else:
            with tarfile.open(archive) as members:
                members.extractall(folder, filter="data")
    except tarfile.FilterError as error:
        raise ModelNotUsable(f"the archive {name} would write outside of its folder: {error}") from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise ModelNotUsable(f"the archive {name} is broken: {error}") from error


def _refuse_strays(archive: zipfile.ZipFile) -> None:
    # zipfile would drop what leads out of a name, and put the file somewhere else.
    for member in archive.namelist():
        if member.startswith("/") or ".." in member.split("/"):
            raise ModelNotUsable(f"the archive would write outside of its folder: {member}")

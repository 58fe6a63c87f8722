"""The versions of a model on disk: a SavedModel by itself, or a folder of numbered ones."""

from enum import StrEnum
from pathlib import Path

from models.errors import ModelNotUsable


class Kind(StrEnum):
    """What a model is kept in."""

    SAVED_MODEL = "saved_model"
    KERAS = "keras"
    TFLITE = "tflite"


LATEST = "latest"
UNVERSIONED = "unversioned"
_FILES = frozenset({".keras", ".tflite"})


def resolve(path: Path, version: str) -> tuple[Path, str]:
    """Return the model to load, and its version as it is shown.

    Args:
        path: a model, or a folder of models named by their version number.
        version: `latest` (the highest number) or a number; zeros in front do not count.

    Returns:
        The SavedModel's folder or the model's file, and the number without leading zeros or `unversioned`.

    Raises:
        ModelNotUsable: there is no such model; the message lists what there is.
    """
    if version != LATEST and not _is_number(version):
        raise ModelNotUsable(f"model version {version!r} is neither `latest` nor a number")
    try:
        return _resolve(path, version)
    except OSError as error:
        raise ModelNotUsable(f"model path {path}: {error.strerror or error}") from error


def folders(path: Path) -> dict[int, Path]:
    """Return the SavedModels in the folder *path* by their number, ascending; none when it is a SavedModel itself.

    Raises:
        ModelNotUsable: two of them have the same number.
        OSError: the folder cannot be read.
    """
    if _model_in(path) is not None:
        return {}
    return {number: folder for number, folder in sorted(_numbered(path).items()) if _model_in(folder) is not None}


def _resolve(path: Path, version: str) -> tuple[Path, str]:
    if (found := _model_in(path)) is not None:
        return _unversioned(found, version)
    if not path.is_dir():
        raise ModelNotUsable(f"model path {path}: " + ("not a folder" if path.exists() else "no such folder"))
    folder = _pick(path, _numbered(path), version)
    if (found := _model_in(folder)) is None:
        raise ModelNotUsable(f"model path {folder}: not a SavedModel, it holds no saved_model.pb")
    return found, str(int(folder.name))


def _unversioned(path: Path, version: str) -> tuple[Path, str]:
    if version != LATEST:
        raise ModelNotUsable(
            f"model path {path} is a SavedModel without versions, so version {version} cannot be picked; "
            "leave the version at `latest`"
        )
    return path, UNVERSIONED


def _pick(path: Path, folders: dict[int, Path], version: str) -> Path:
    if not folders:
        raise ModelNotUsable(f"model path {path} holds neither a saved_model.pb nor numbered version folders")
    number = max(folders) if version == LATEST else int(version)
    if number not in folders:
        there = ", ".join(str(one) for one in sorted(folders))
        raise ModelNotUsable(f"model path {path} has no version {number}; there are: {there}")
    return folders[number]


def _numbered(path: Path) -> dict[int, Path]:
    folders: dict[int, Path] = {}
    for folder in sorted(path.iterdir()):
        if not (_is_number(folder.name) and folder.is_dir()):
            continue
        twin = folders.setdefault(int(folder.name), folder)
        if twin is not folder:
            raise ModelNotUsable(f"model path {path}: {twin.name} and {folder.name} are the same version; remove one")
    return folders


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def kind_of(model: Path) -> Kind:
    """Return what *model*, a path that `resolve` returned, is kept in."""
    return Kind.SAVED_MODEL if model.is_dir() else Kind(model.suffix.removeprefix("."))


def _model_in(path: Path) -> Path | None:
    """The model that *path* is or holds itself: a SavedModel's folder, or the only `.keras` or `.tflite` file."""
    if path.is_file():
        return path if path.suffix in _FILES else None
    if any((path / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
        return path
    files = [each for each in path.glob("*.*") if each.suffix in _FILES and each.is_file()]
    return files[0] if len(files) == 1 else None

"""A race model that is trained once and then found again, for as long as nothing changes that determines it."""

import hashlib
import json
import os
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import models.race
from app.train.apart import OnProgress, train_apart
from app.train.failure import TrainingFailed
from app.train.job import Job
from app.versions import installed_versions
from config.cache import cache_folder
from models.race.source import TRAINED_ON

SEED = 7
"""Of the model that is cached when no other is asked for."""


def cached_race_model(
    *, seed: int = SEED, trained_on: int = TRAINED_ON, folder: Path | None = None, on_progress: OnProgress
) -> Path:
    """Return a folder with the version 1 of a model for simulated races, and train it if it is not there yet.

    Args:
        seed: of the races and the network. `simulate` with any other seed gives races that the model never saw.
        trained_on: how many races it has learnt from.
        folder: where models are kept; None: `races` in the user's cache folder.
        on_progress: is told how far training is; not called when the model is there.

    Raises:
        TrainingFailed: training failed, or the folder cannot be written to.
    """
    kept = folder or cache_folder(os.environ) / "races"
    place = kept / fingerprint(seed, trained_on)
    if _is_there(place):
        return place
    try:
        kept.mkdir(parents=True, exist_ok=True)
        _train(place, seed, trained_on, on_progress)
    except OSError as error:
        raise TrainingFailed(
            f"{error.filename or kept}: {error.strerror or error}; XDG_CACHE_HOME names another place for the model"
        ) from error
    return place


def fingerprint(seed: int, trained_on: int) -> str:
    """Return 32 digits of what determines the model: the code, the seed, the number of races, and the libraries."""
    code = {file.name: file.read_text() for file in Path(models.race.__path__[0]).glob("*.py")}
    libraries = {name: _version(name) for name in ("keras", "numpy")}
    whole = json.dumps([seed, trained_on, code, libraries, _tensorflow()], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


def _tensorflow() -> dict[str, str]:
    return {name: number for name, number in installed_versions().items() if name.startswith(("python", "tensorflow"))}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _train(place: Path, seed: int, trained_on: int, on_progress: OnProgress) -> None:
    """Train beside *place* and move the result there."""
    workplace = Path(tempfile.mkdtemp(prefix=".training-", dir=place.parent))
    try:
        made = workplace / "made"
        made.mkdir()
        job = Job(seed, str(made / "1"), trained_on=trained_on, tested_on=0)
        train_apart(job, log=workplace / "training.log", on_progress=on_progress)
        _move(made, place)
    finally:
        shutil.rmtree(workplace)


def _move(made: Path, place: Path) -> None:
    if place.exists() and not _is_there(place):
        shutil.rmtree(place)  # somebody has taken files out of it
    try:
        made.rename(place)
    except OSError:
        # Another process was faster, and its model is as good.
        if not _is_there(place):
            raise


def _is_there(place: Path) -> bool:
    return (place / "1" / "saved_model.pb").is_file()

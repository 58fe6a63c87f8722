"""The demo's model: the cached one for simulated races, or one that is trained on the spot for real ones."""

import time
from collections.abc import Callable
from pathlib import Path

from app.train.apart import train_apart
from app.train.cache import SEED, cached_race_model
from app.train.job import Job
from models.race.source import TRAINED_ON as ALL

TRAINED_ON = ALL

OnProgress = Callable[[float, str], None]


def model_for(races: int | Path, workplace: Path, on_progress: OnProgress) -> tuple[Path, str]:
    """Return a folder with version 1 of the model, and a few words about it; raises TrainingFailed.

    Args:
        races: how many simulated ones are to be foretold, or the folder of real ones.
        workplace: where a model goes that is not kept.
        on_progress: is told the part that is done (0 to 1) and a few words.
    """
    if isinstance(races, Path):
        return _trained(races, workplace, on_progress), "trained on the earlier races of the folder"
    began = time.time()
    folder = cached_race_model(trained_on=TRAINED_ON, on_progress=on_progress)
    made = (folder / "1" / "saved_model.pb").stat().st_mtime
    when = "just now" if made >= began else f"on {time.strftime('%Y-%m-%d at %H:%M', time.localtime(made))}, and cached"
    return folder, f"trained with Keras on {TRAINED_ON:,} simulated races, {when}"


def _trained(races: Path, workplace: Path, on_progress: OnProgress) -> Path:
    folder = workplace / "race"
    folder.mkdir()
    job = Job(SEED, str(folder / "1"), races=str(races), tested_on=0)
    train_apart(job, log=workplace / "training.log", on_progress=on_progress)
    return folder

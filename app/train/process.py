"""The training itself, in a process of its own: TensorFlow's memory, messages and crashes stay there."""

import json
import sys
from pathlib import Path
from typing import Any

from app.train.job import Job, rows_to_json
from models.errors import RacesNotUsable
from models.race.source import RealRaces, SimulatedRaces, Source
from models.race.study import compare, cross_validate
from models.race.training import train

REFUSED = 2


def main(text: str) -> int:
    """Do the job that *text* describes and return the exit status; what is said goes to standard output."""
    job = Job.from_json(text)
    try:
        source = _source(job)
    except RacesNotUsable as error:
        _say({"refused": str(error)})
        return REFUSED
    if job.folds:
        _say({"rows": rows_to_json(_cross_validated(source, job))})
    else:
        _train(source, job)
    return 0


def _source(job: Job) -> Source:
    if job.races is not None:
        return RealRaces.read(Path(job.races))
    return SimulatedRaces(job.seed, job.trained_on, max(job.tested_on, 1))


def _cross_validated(source: Source, job: Job) -> Any:
    races = source.to_train_on()
    return cross_validate(races, source.candidates, folds=job.folds, seed=job.seed, on_progress=_progress)


def _train(source: Source, job: Job) -> None:
    _progress(0.0, "reading races")
    races, settings = source.to_train_on(), source.chosen
    _progress(0.0, f"learning from {len(races)} races")

    def tell(epoch: int, loss: float) -> None:
        _progress(epoch / settings.epochs, f"epoch {epoch} of {settings.epochs}, loss {loss:.4f}")

    model = train(races, settings, seed=job.seed, on_epoch=tell)
    if job.out is not None:
        model.export(Path(job.out))
    if job.tested_on:
        _say({"rows": rows_to_json(compare(model, source, seed=job.seed, on_progress=_progress))})


def _progress(part: float, words: str) -> None:
    _say({"part": part, "words": words})


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

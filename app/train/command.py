"""`streamrank train`: from the command line to the exit status."""

import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from app.stderr import ended
from app.train.apart import train_apart
from app.train.failure import TrainingFailed
from app.train.job import Job
from app.train.options import Options, parse
from app.train.progress import shown_progress
from app.train.table import table
from app.train.version import new_version
from models.race.study import Row

FAILED, WRONG, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str]) -> int:
    """Train as *arguments* ask for and return the exit status."""
    options = parse(arguments)
    try:
        if options.describe:
            return _describe(options)
        return _compare(options) if options.folds else _train(options)
    except TrainingFailed as error:
        return ended(WRONG if error.asked_wrongly else FAILED, *str(error).splitlines())
    except OSError as error:
        return ended(WRONG, f"{error.filename or options.out}: {error.strerror or error}")
    except KeyboardInterrupt:
        return ended(INTERRUPTED, "interrupted")


def _describe(options: Options) -> int:
    from models.race.description import describe

    _say([f"{options.tested_on} races, seed {options.seed}", *describe(options.tested_on, options.seed)])
    return 0


def _train(options: Options) -> int:
    folder = Path(options.out)
    with new_version(folder) as path:
        rows = _run(options, str(path.absolute()))
    newest = max(int(one.name) for one in folder.iterdir() if one.name.isdecimal())
    _say([*table(rows), f"written: {folder / str(newest)}"])
    return 0


def _compare(options: Options) -> int:
    _say(table(_run(options, None)))
    return 0


def _run(options: Options, out: str | None) -> list[Row]:
    races = None if options.races is None else str(Path(options.races).absolute())
    job = Job(options.seed, out, races, options.trained_on, options.tested_on, options.folds)
    _say([f"{'real races in ' + options.races if options.races else 'simulated races'}, seed {options.seed}", ""])
    with tempfile.TemporaryDirectory(prefix="streamrank-train-") as folder, shown_progress() as on_progress:
        return train_apart(job, log=Path(folder) / "training.log", on_progress=on_progress)


def _say(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()

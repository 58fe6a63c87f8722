"""Have another process train, and listen to it."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from app.child import Child
from app.train.failure import TrainingFailed
from app.train.job import Job, rows_from_json
from models.race.study import Row

OnProgress = Callable[[float, str], None]
"""Is told the part of a step that is done, from 0 to 1, and a few words."""


def train_apart(job: Job, *, log: Path, on_progress: OnProgress) -> list[Row]:
    """Train, write the SavedModel, and return the figures; none when no test was asked for.

    Args:
        job: what to do.
        log: the file for what TensorFlow says.
        on_progress: is told how far it is.

    Raises:
        TrainingFailed: the process failed, with the end of its log; or what it was to read is not usable.
    """
    command = [sys.executable, "-m", "app.train.process", job.to_json()]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    child = Child(command, log=log, environment=environment, piped=True)
    rows: list[Row] = []
    try:
        for line in child.lines():
            said = json.loads(line)
            if "refused" in said:
                raise TrainingFailed(said["refused"], asked_wrongly=True)
            if "rows" in said:
                rows = rows_from_json(said["rows"])
            else:
                on_progress(said["part"], said["words"])
        status = child.wait(timeout=60)
    finally:
        child.kill()
    if status:
        raise TrainingFailed(f"training ended with status {status}; the last it said:\n{child.last_lines()}")
    return rows

"""The demo's training, in a process of its own: TensorFlow's memory, messages and crashes stay there."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from app.child import Child
from app.demo.failure import DemoFailed
from models.digits import EPOCHS, HeldOut, train

SEED = 7


def train_apart(model: Path, *, log: Path, on_progress: Callable[[float, str], None]) -> HeldOut:
    """Train in another process, export the SavedModel to *model*, and return the held-out images.

    Args:
        model: a folder that does not exist yet.
        log: the file for what TensorFlow says.
        on_progress: is told the part that is done (0 to 1) and a few words.

    Raises:
        DemoFailed: the process failed; with the end of its log.
    """
    results = log.with_name("held-out.npz")
    command = [sys.executable, "-m", __name__, str(model), str(results)]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    child = Child(command, log=log, folder=log.parent, environment=environment, piped=True)
    try:
        for line in child.lines():
            epoch, accuracy = json.loads(line)
            on_progress(epoch / EPOCHS, f"epoch {epoch} of {EPOCHS}, {accuracy:.1%} of the training images read right")
        status = child.wait(timeout=60)
    finally:
        child.kill()
    if status:
        raise DemoFailed(f"training the model ended with status {status}; the last it said:\n{child.last_lines()}")
    return HeldOut.load(results)


def _main(model: str, results: str) -> None:
    def report(epoch: int, accuracy: float) -> None:
        sys.stdout.write(f"{json.dumps([epoch, accuracy])}\n")
        sys.stdout.flush()

    train(Path(model), seed=SEED, on_epoch=report).save(Path(results))


if __name__ == "__main__":
    _main(*sys.argv[1:])

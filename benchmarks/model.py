"""The model of the benchmark and what it says of the records: `python -m benchmarks.model FOLDER`."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.answers import AnswerKey
from benchmarks.errors import BenchmarkFailed
from benchmarks.folders import ROOT
from benchmarks.records import FEATURES, feature_rows

NAME = "mlp"
CLASSES = 10
TOP_K = 3
_SEED = 7
_SAID = "said.npz"


def prepare(folder: Path) -> tuple[Path, AnswerKey]:
    """Write the SavedModel below *folder*; return its path and what TensorFlow itself says of all rows.

    In a process of its own, so that the one that measures stays small and leaves the GPU alone.

    Raises:
        BenchmarkFailed: the model could not be made.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.model", str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchmarkFailed(f"the model could not be made:\n{done.stderr[-2000:]}")
    with np.load(folder / _SAID) as said:
        return folder / NAME, AnswerKey(said["scores"], TOP_K, on_gpu=bool(said["on_gpu"]))


def main(folder: Path) -> None:
    """Export the model and save its scores of all rows."""
    import tensorflow as tf

    from benchmarks.peers.ranker import Ranker
    from models.classifier import export_mlp

    export_mlp(folder / NAME, features=FEATURES, hidden=(64, 64), classes=CLASSES, seed=_SEED)
    everything = Ranker(str(folder / NAME), os.environ.get("MODEL_DEVICE", "auto"), CLASSES)
    best, places = everything.rank(feature_rows().astype(np.float32))
    scores = np.empty_like(best)
    np.put_along_axis(scores, places, best, axis=1)
    np.savez(folder / _SAID, scores=scores, on_gpu=bool(tf.config.list_logical_devices("GPU")))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

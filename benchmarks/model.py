"""The model of the benchmark and what it says of the records: `python -m benchmarks.model 64,64 PATH...`."""

import os
import subprocess
import sys
from collections.abc import Sequence
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


def prepare(folder: Path, hidden: Sequence[int]) -> tuple[Path, AnswerKey]:
    """Write a SavedModel with *hidden* layers below *folder*; return its path and what TensorFlow says of all rows.

    In a process of its own, so that the one that measures stays small and leaves the GPU alone.

    Raises:
        BenchmarkFailed: the model could not be made.
    """
    _make(hidden, folder / NAME)
    return folder / NAME, _answers(folder / NAME)


def prepare_versions(folder: Path, count: int, hidden: Sequence[int]) -> tuple[list[Path], dict[str, AnswerKey]]:
    """Write models that differ, named 1 to *count*, below *folder*; return them and what TensorFlow says of each.

    Raises:
        BenchmarkFailed: the models could not be made.
    """
    paths = [folder / str(number) for number in range(1, count + 1)]
    _make(hidden, *paths)
    return paths, {path.name: _answers(path) for path in paths}


def _make(hidden: Sequence[int], *paths: Path) -> None:
    widths = ",".join(map(str, hidden))
    command = [sys.executable, "-m", "benchmarks.model", widths, *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkFailed(f"the model could not be made:\n{done.stderr[-2000:]}")


def _said(path: Path) -> Path:
    return path.with_name(f"{path.name}-said.npz")


def _answers(path: Path) -> AnswerKey:
    with np.load(_said(path)) as said:
        return AnswerKey(said["scores"], TOP_K, on_gpu=bool(said["on_gpu"]))


def main(path: Path, hidden: Sequence[int], seed: int) -> None:
    """Export a model and save its scores of all rows."""
    import tensorflow as tf

    from benchmarks.peers.ranker import Ranker
    from models.classifier import export_mlp
    from models.device import choose_device

    device = os.environ.get("MODEL_DEVICE", "auto")
    choose_device(device)  # before the export, which TensorFlow would start with all GPUs for
    export_mlp(path, features=FEATURES, hidden=hidden, classes=CLASSES, seed=seed)
    everything = Ranker(str(path), device, CLASSES)
    best, places = everything.rank(feature_rows().astype(np.float32))
    scores = np.empty_like(best)
    np.put_along_axis(scores, places, best, axis=1)
    np.savez(_said(path), scores=scores, on_gpu=bool(tf.config.list_logical_devices("GPU")))


if __name__ == "__main__":
    layers = [int(width) for width in sys.argv[1].split(",")]
    for place, model in enumerate(sys.argv[2:]):
        main(Path(model), layers, _SEED + place)

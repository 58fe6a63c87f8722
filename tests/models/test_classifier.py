from pathlib import Path
from typing import Any

import numpy as np

from models.signature import TensorSpec
from tests.models.conftest import Load


def test_the_perceptron_gives_probabilities_of_the_size_asked_for(tf: Any, load: Load, tmp_path: Path) -> None:
    from models.classifier import export_mlp

    export_mlp(tmp_path / "m", features=5, hidden=(7,), classes=4)
    model = load(tmp_path / "m", top_k=0)
    assert model.signature.inputs == (TensorSpec("features", "float32", (5,)),)
    rows = np.random.default_rng(1).standard_normal((9, 5), dtype=np.float32)
    scores = model.predict({"features": rows}).scores
    assert scores.shape == (9, 4)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, rtol=1e-5)
    assert len(np.unique(scores[:, 0])) == 9


def test_the_seed_decides_the_weights(tf: Any, load: Load, tmp_path: Path) -> None:
    from models.classifier import export_mlp

    rows = {"features": np.ones((1, 32), np.float32)}
    scores = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        export_mlp(tmp_path / name, seed=seed)
        scores.append(load(tmp_path / name).predict(rows).scores.tolist())
    assert scores[0] == scores[1] != scores[2]

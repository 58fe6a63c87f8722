"""What the tests of the application share."""

from pathlib import Path

import pytest

from models.predictor import Predictor


@pytest.fixture(scope="session")
def mlp_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SavedModel: `features` [None, 32] to `scores` [None, 10]."""
    from models.classifier import export_mlp
    from models.device import choose_device

    # Before anything picks the CPU, which would hide the GPUs from the tests of the models.
    choose_device("auto")
    path = tmp_path_factory.mktemp("models") / "mlp"
    export_mlp(path, seed=11)
    return path


@pytest.fixture(scope="session")
def mlp(mlp_path: Path) -> Predictor:
    """The same, loaded on the CPU; keeps all classes."""
    from models.loader import load

    return load(mlp_path, device="cpu", top_k=0)

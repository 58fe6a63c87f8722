"""TensorFlow and small SavedModels for the tests; imported only when a test asks for them, since that takes seconds."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from models.predictor import Predictor

Body = Callable[..., Mapping[str, Any]]
Export = Callable[..., Path]
Load = Callable[..., Predictor]


@pytest.fixture(scope="session")
def tf() -> Any:
    from models.device import choose_device
    from models.runtime import tf as tensorflow

    # Before any test picks the CPU, which would hide the GPUs from the tests after it.
    choose_device("auto")
    return tensorflow


@pytest.fixture(scope="session")
def export(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Write a function from tensors to outputs by name as a SavedModel; inputs are `name=(shape, dtype)`."""
    numbers = count()

    def write(body: Body, *, module: Any = None, **inputs: tuple[list[int | None] | None, Any]) -> Path:
        specs = [tf.TensorSpec(shape, dtype, name) for name, (shape, dtype) in inputs.items()]
        path = tmp_path_factory.mktemp("exported") / str(next(numbers))
        serve = tf.function(body, input_signature=specs, autograph=False)
        tf.saved_model.save(module or tf.Module(), str(path), signatures={"serving_default": serve})
        return path

    return write


@pytest.fixture(scope="session")
def load_anywhere(tf: Any) -> Load:
    from models.loader import load

    return load


@pytest.fixture(scope="session")
def load(load_anywhere: Load) -> Load:
    return partial(load_anywhere, device="cpu")


@pytest.fixture(scope="session")
def mlp(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A perceptron, 32-64-64-10, as version 1."""
    from models.classifier import export_mlp

    path = tmp_path_factory.mktemp("mlp")
    export_mlp(path / "1", seed=5)
    return path


@pytest.fixture(scope="session")
def echo(tf: Any, export: Export) -> Callable[[str, int | None], Path]:
    """A model whose scores are its input, `[B, columns]`."""
    made: dict[tuple[str, int | None], Path] = {}

    def path(dtype: str, columns: int | None) -> Path:
        if (dtype, columns) not in made:
            made[dtype, columns] = export(lambda table: {"scores": tf.identity(table)}, table=([None, columns], dtype))
        return made[dtype, columns]

    return path

"""TensorFlow, imported once for everything in this package: quietly, and without Keras."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from models.errors import ModelNotUsable

__all__ = ["tf"]

# Silences TensorFlow's C++ log below FATAL. What it writes while its libraries are loaded (the lines about oneDNN) no
# variable can silence.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


class _RefusedKeras(MetaPathFinder, Loader):
    """Finds Keras, so that TensorFlow learns where it lies, but does not let it be imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname == "keras" else None
        if spec is not None:
            spec.loader = self
        return spec

    def exec_module(self, module: ModuleType) -> None:
        raise ImportError("Keras is left out while TensorFlow is imported", name=module.__name__)


@contextmanager
def _keras_left_out() -> Iterator[None]:
    """Keep TensorFlow from importing Keras, which a SavedModel does not need.

    Where scikit-learn and SciPy are installed Keras brings them along: a quarter of the import time and 80 MB.
    TensorFlow takes the refusal as "not installed"; `import keras` works as usual afterwards.
    """
    finder = _RefusedKeras()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


try:
    with _keras_left_out():
        import tensorflow as tf
except ModuleNotFoundError as error:
    if error.name != "tensorflow":
        raise ModelNotUsable(f"TensorFlow is installed but not complete: {error}") from error
    raise ModelNotUsable(
        "TensorFlow is not installed. For the CPU: pip install 'streamrank[cpu]'; "
        "for NVIDIA GPUs: pip install 'streamrank[gpu]'"
    ) from error
except ImportError as error:
    raise ModelNotUsable(f"TensorFlow is installed but cannot be imported: {error}") from error

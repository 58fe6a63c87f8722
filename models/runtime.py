"""TensorFlow, imported once for everything in this package: quietly, and without Keras."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from threading import Lock
from types import ModuleType

from models.errors import ModelNotUsable

__all__ = ["held_back", "tf"]

# Silences TensorFlow's C++ log below FATAL. What it writes while its libraries are loaded (the lines about oneDNN) no
# variable can silence: see `held_back`.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# What absl's log writes before anybody could set it up is no news even when something else goes wrong.
_KEEPER = """
import sys
held = sys.stdin.buffer.read().splitlines(keepends=True)
no_news = (b"I0000 ", b"WARNING: All log messages before absl::InitializeLog()")
sys.stderr.buffer.writelines(line for line in held if not line.startswith(no_news))
"""
_HOLDING = Lock()


@contextmanager
def held_back() -> Iterator[None]:
    """Keep what is written to file descriptor 2 from standard error while the body runs.

    When the body raises, or the process dies in it, what was held back is shown after all; otherwise it is dropped.
    That goes for Python's lines too where `sys.stderr` writes to descriptor 2.
    """
    with _HOLDING:
        keeper = _keeper()
        if keeper is None or keeper.stdin is None:
            yield
            return
        with keeper:
            shown = os.dup(2)
            os.dup2(keeper.stdin.fileno(), 2)
            keeper.stdin.close()
            try:
                yield
            finally:
                os.dup2(shown, 2)
                os.close(shown)
            keeper.kill()


def _keeper() -> subprocess.Popen[bytes] | None:
    """Start what holds lines back: a process, since a library that aborts ours must not take its reason along."""
    if sys.__stderr__ is None:  # closed when we began: by now the number 2 may be anybody's
        return None
    try:
        # In a session of its own, so that Ctrl-C on the terminal leaves it to us.
        return subprocess.Popen(  # noqa: S603 - a constant
            [sys.executable, "-I", "-S", "-c", _KEEPER], stdin=subprocess.PIPE, start_new_session=True
        )
    except OSError:  # no more processes here: a few needless lines are better than no model
        return None


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
    with held_back(), _keras_left_out():
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

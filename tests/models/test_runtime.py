import importlib
import importlib.util
import subprocess
import sys
from typing import Any

import pytest

AN_IMPORT = """
import os, sys
os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)
import models.saved_model
print(os.environ["TF_CPP_MIN_LOG_LEVEL"], "tensorflow" in sys.modules, "keras" in sys.modules)
"""

AN_IMPORT_WITHOUT = """
import sys
sys.modules[{missing!r}] = None
from models.errors import ModelNotUsable
try:
    import models.saved_model
except ModelNotUsable as error:
    print(error)
"""


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.strip()


def test_importing_a_saved_model_quietens_tensorflow_and_leaves_keras_out() -> None:
    assert python(AN_IMPORT) == "3 True False"


def test_without_tensorflow_the_error_says_what_to_install() -> None:
    message = python(AN_IMPORT_WITHOUT.format(missing="tensorflow"))
    assert message.startswith("TensorFlow is not installed.")
    assert "pip install 'streamrank[cpu]'" in message
    assert "pip install 'streamrank[gpu]'" in message


def test_a_tensorflow_that_lacks_a_part_is_not_called_missing() -> None:
    message = python(AN_IMPORT_WITHOUT.format(missing="tensorflow.python"))
    assert message.startswith("TensorFlow is installed but not complete: ")
    assert "tensorflow.python" in message


def test_keras_can_be_found_but_not_imported_while_it_is_left_out(tf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.runtime import _keras_left_out

    monkeypatch.delitem(sys.modules, "keras", raising=False)
    with _keras_left_out():
        refused = importlib.util.find_spec("keras")
        with pytest.raises(ImportError, match="Keras is left out"):
            importlib.import_module("keras")
    usual = importlib.util.find_spec("keras")
    assert refused is not None
    assert usual is not None
    assert refused.origin == usual.origin
    assert type(refused.loader) is not type(usual.loader)

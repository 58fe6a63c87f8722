import importlib
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path
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


NOISE = """\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795356478.212832    5258 port.cc:153] oneDNN custom operations are on.
"""
REASON = "E0000 00:00:1795356478.212901    5258 cpu.cc:1] the reason\n"


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


def imported(tmp_path: Path, then: str = "", *, before: str = "pass", closed: str = "") -> tuple[int, str]:
    """Exit status and standard error of a program whose TensorFlow writes `NOISE` and `REASON` as C++ does.

    The import of the real one ends well or not at all.
    """
    (tmp_path / "tensorflow.py").write_text(f"import os, sys\nos.write(2, {(NOISE + REASON).encode()!r})\n{then}")
    program = f"import os, sys; {before}; import models.runtime; os.write(2, b'afterwards\\n')"
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, program],
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stderr


def test_the_real_tensorflow_writes_nothing_while_it_is_imported() -> None:
    code = "import os, models.runtime; os.write(2, b'afterwards')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=120)
    assert done.stderr == b"afterwards"


def test_what_tensorflow_writes_while_it_is_imported_is_dropped(tmp_path: Path) -> None:
    assert imported(tmp_path) == (0, "afterwards\n")


def test_when_the_import_fails_what_was_held_back_is_shown_before_the_error(tmp_path: Path) -> None:
    status, shown = imported(tmp_path, "raise ImportError('broken')")
    assert status == 1
    assert shown.startswith(REASON + "Traceback")
    assert "TensorFlow is installed but cannot be imported: broken" in shown
    assert "oneDNN" not in shown


def test_when_the_process_is_aborted_what_was_held_back_is_shown(tmp_path: Path) -> None:
    assert imported(tmp_path, "os.abort()") == (-signal.SIGABRT, REASON)


def test_what_python_writes_by_another_descriptor_is_seen_at_once(tmp_path: Path) -> None:
    status, shown = imported(
        tmp_path, "print('a line', file=sys.stderr); os._exit(0)", before="sys.stderr = open(os.dup(2), 'w', 1)"
    )
    assert status == 0
    assert shown == "a line\n" + REASON


def test_descriptor_2_is_left_alone_when_it_was_closed_since_it_is_somebody_elses_by_now(tmp_path: Path) -> None:
    before = f"file = open({str(tmp_path / 'file')!r}, 'wb'); assert file.fileno() == 2"
    status, _ = imported(tmp_path, before=before, closed="2>&-")
    assert status == 0
    assert (tmp_path / "file").read_text() == NOISE + REASON + "afterwards\n"


def test_where_no_process_can_be_started_lines_are_shown_instead(tmp_path: Path) -> None:
    status, shown = imported(tmp_path, before="sys.executable = '/nowhere/python'")
    assert status == 0
    assert shown == NOISE + REASON + "afterwards\n"

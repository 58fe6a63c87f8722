"""A session of its own, for tests of what a session does where something is not there."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run_probe(folder: Path, test: str, *, conftest: str = "", **environment: str) -> tuple[int, str]:
    """Run the module *test* in *folder*, which is all of the PATH; returns the exit status and what is said.

    Args:
        folder: an empty one; HOME, too.
        test: its text.
        conftest: the text of a `conftest.py` beside it.
        environment: further variables, or others.
    """
    (folder / "conftest.py").write_text(conftest)
    (folder / "test_probe.py").write_text(test)
    (folder / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", str(folder)],
        env={"PATH": str(folder), "PYTHONPATH": str(ROOT), "HOME": str(folder), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr

"""Whether a session without a browser says so, and fails where one is required."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROBE = """
def test_that_needs_a_browser(browser):
    raise AssertionError("there is none")
"""


def run_probe(folder: Path, **environment: str) -> tuple[int, str]:
    """Run a session in which no browser can be found; returns its exit status and what it says."""
    (folder / "conftest.py").write_text("from tests.conftest import *\n")
    (folder / "test_probe.py").write_text(PROBE)
    (folder / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", str(folder)],
        env={"PATH": str(folder), "PYTHONPATH": str(ROOT), "HOME": os.environ.get("HOME", "/"), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_without_a_browser_the_tests_are_skipped_and_say_how_to_get_one(tmp_path: Path):
    status, said = run_probe(tmp_path)
    assert status == 0
    assert "1 skipped" in said
    assert "no chromium and no chromedriver on this machine; scripts/chromium.sh" in said


def test_where_a_browser_is_required_they_fail(tmp_path: Path):
    status, said = run_probe(tmp_path, REQUIRE_CHROMIUM="1")
    assert status == 1
    assert "ChromiumUnavailable: no chromium and no chromedriver on this machine" in said

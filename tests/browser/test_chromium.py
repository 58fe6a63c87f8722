"""Whether a session without a browser says so, and fails where one is required."""

import os
from pathlib import Path

from tests.probe import run_probe

PROBE = """
def test_that_needs_a_browser(browser):
    raise AssertionError("there is none")
"""


def probe(folder: Path, **environment: str) -> tuple[int, str]:
    """Run a session in which no browser can be found; returns its exit status and what it says."""
    home = os.environ.get("HOME", "/")
    return run_probe(folder, PROBE, conftest="from tests.conftest import *\n", **{"HOME": home, **environment})


def test_without_a_browser_the_tests_are_skipped_and_say_how_to_get_one(tmp_path: Path):
    status, said = probe(tmp_path)
    assert status == 0
    assert "1 skipped" in said
    assert "no chromium and no chromedriver on this machine; scripts/chromium.sh" in said


def test_where_a_browser_is_required_they_fail(tmp_path: Path):
    status, said = probe(tmp_path, REQUIRE_CHROMIUM="1")
    assert status == 1
    assert "ChromiumUnavailable: no chromium and no chromedriver on this machine" in said

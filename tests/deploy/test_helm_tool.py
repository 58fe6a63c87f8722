"""Whether a session without helm says so, and fails where it is required."""

import subprocess
import sys
from pathlib import Path

from tests.deploy.helm import ROOT

PROBE = """
from tests.deploy.helm import why_no_helm
import pytest

def test_that_needs_helm():
    if missing := why_no_helm():
        pytest.skip(missing)
    raise AssertionError("there is none")
"""


def run_probe(folder: Path, **environment: str) -> tuple[int, str]:
    """Run a session in which no helm can be found; its exit status and what it says."""
    (folder / "test_probe.py").write_text(PROBE)
    (folder / "pytest.ini").write_text("[pytest]\n")
    for tool in ("bash", "env"):
        (folder / tool).symlink_to(f"/usr/bin/{tool}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", str(folder)],
        env={"PATH": str(folder), "PYTHONPATH": str(ROOT), "HOME": str(folder), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_without_helm_the_tests_are_skipped_and_say_why(tmp_path: Path) -> None:
    status, said = run_probe(tmp_path)

    assert status == 0
    assert "1 skipped" in said
    assert "no helm on this machine; make helm builds it" in said


def test_where_helm_is_required_they_fail(tmp_path: Path) -> None:
    status, said = run_probe(tmp_path, REQUIRE_HELM="1")

    assert status == 1
    assert "HelmUnavailable: no helm on this machine; make helm builds it" in said

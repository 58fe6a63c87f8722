"""Whether a session without helm says so, and fails where it is required."""

from pathlib import Path

from tests.probe import run_probe

PROBE = """
from tests.deploy.helm import why_no_helm
import pytest

def test_that_needs_helm():
    if missing := why_no_helm():
        pytest.skip(missing)
    raise AssertionError("there is none")
"""


def probe(folder: Path, **environment: str) -> tuple[int, str]:
    """Run a session in which no helm can be found; its exit status and what it says."""
    for tool in ("bash", "env"):
        (folder / tool).symlink_to(f"/usr/bin/{tool}")
    return run_probe(folder, PROBE, **environment)


def test_without_helm_the_tests_are_skipped_and_say_why(tmp_path: Path) -> None:
    status, said = probe(tmp_path)

    assert status == 0
    assert "1 skipped" in said
    assert "no helm on this machine; make helm builds it" in said


def test_where_helm_is_required_they_fail(tmp_path: Path) -> None:
    status, said = probe(tmp_path, REQUIRE_HELM="1")

    assert status == 1
    assert "HelmUnavailable: no helm on this machine; make helm builds it" in said

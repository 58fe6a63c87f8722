"""Whether a session without Prometheus says so, and fails where one is required."""

import shutil
import subprocess
from pathlib import Path

from tests.probe import ROOT, run_probe

PROBE = """
def test_that_needs_prometheus(needs_prometheus):
    raise AssertionError("there is none")
"""


def probe(folder: Path, **environment: str) -> tuple[int, str]:
    """Run a session in which no Prometheus can be found; returns its exit status and what it says."""
    return run_probe(folder, PROBE, conftest="from tests.prometheus.conftest import *\n", **environment)


def test_without_prometheus_the_tests_are_skipped_and_say_how_to_get_it(tmp_path: Path):
    status, said = probe(tmp_path)
    assert status == 0
    assert "1 skipped" in said
    assert "no promtool and no prometheus on this machine; scripts/prometheus.sh" in said


def test_where_prometheus_is_required_they_fail(tmp_path: Path):
    status, said = probe(tmp_path, REQUIRE_PROMETHEUS="1")
    assert status == 1
    assert "PrometheusUnavailable: no promtool and no prometheus on this machine" in said


def test_a_fetch_that_fails_leaves_nothing_that_looks_whole(tmp_path: Path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("dirname", "id", "mkdir", "mktemp", "rm"):
        (programs / name).symlink_to(shutil.which(name) or name)
    apt = programs / "apt-get"
    apt.write_text("#!/bin/sh\nexit 100\n")
    apt.chmod(0o755)
    done = subprocess.run(
        [shutil.which("bash") or "bash", str(ROOT / "scripts" / "prometheus.sh")],
        env={"PATH": str(programs), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0, done.stderr
    assert list((tmp_path / "cache" / "streamrank").iterdir()) == []

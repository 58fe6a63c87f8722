import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROBE = """
import pytest
def test_any_broker(kafka): assert kafka.bootstrap_servers
@pytest.mark.needs_apache_kafka
def test_a_real_one(kafka): assert False, "must not run"
"""


def run_probe(folder, **environment):
    """Run two tests in a test session of their own, on a machine without Java."""
    (folder / "test_probe.py").write_text(PROBE)
    (folder / "conftest.py").write_text("from tests.conftest import *\n")
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), str(folder)]
    kept = {name: value for name, value in os.environ.items() if name != "REQUIRE_KAFKA"}
    surroundings = {**kept, "PATH": str(folder), "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_without_java_the_embedded_broker_stands_in_and_tests_that_need_apache_kafka_are_skipped(tmp_path):
    status, said = run_probe(tmp_path)
    assert status == 0, said
    assert "1 passed, 1 skipped" in said
    assert "Apache Kafka cannot run: no `java` on the PATH" in said
    assert "broker of this session: the embedded broker" in said


def test_where_kafka_is_required_its_absence_is_a_failure(tmp_path):
    status, said = run_probe(tmp_path, REQUIRE_KAFKA="1")
    assert status == 1
    assert "KafkaUnavailable: no `java` on the PATH" in said
    assert "2 errors" in said

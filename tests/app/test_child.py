import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.child import Child

PARENT = """
import sys, time
from pathlib import Path
from app.child import Child
print(Child(["/bin/sleep", "60"], log=Path(sys.argv[1])).pid, flush=True)
time.sleep(60)
"""


def command_of(pid: int) -> str:
    """Return the command line of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except FileNotFoundError:
        return ""


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda each: each.name)
def test_a_child_dies_with_its_parent_however_that_ends(log, how):
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(log)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        child = int(parent.stdout.readline())
        wait_until(lambda: command_of(child) == "/bin/sleep 60")
        parent.send_signal(how)
        parent.wait()
        wait_until(lambda: not command_of(child))


def test_its_process_id_is_that_of_the_program_itself(log):
    child = Child(["/bin/sh", "-c", "echo $$; exit 3"], log=log)
    wait_until(lambda: child.exit_status is not None)
    assert child.exit_status == 3
    assert child.last_lines(1) == str(child.pid)


def test_a_child_that_will_not_end_is_killed(log):
    child = Child(["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"], log=log)
    wait_until(lambda: child.last_lines() == "deaf")
    assert child.stop(timeout=0.2) == -signal.SIGKILL


def test_the_last_lines_of_its_output_are_kept_in_order(log):
    child = Child(["/bin/sh", "-c", "echo one; echo two >&2; echo three"], log=log)
    wait_until(lambda: child.exit_status is not None)
    assert child.last_lines(2) == "two\nthree"

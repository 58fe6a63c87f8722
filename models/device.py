"""The device a model runs on, chosen from those that TensorFlow sees."""

import ctypes
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from models.errors import DeviceNotFound, ModelNotUsable
from models.failures import first_line
from models.runtime import held_back, tf


@dataclass(frozen=True, slots=True)
class Device:
    """One device.

    Attributes:
        name: `cpu`, `gpu:0`, ...
        placement: TensorFlow's name for it, as `tf.device` takes it.
    """

    name: str
    placement: str


CPU = Device("cpu", "/CPU:0")


@held_back()  # the first call that a GPU gets starts CUDA, which writes where no variable reaches it
def choose_device(wanted: str, *, gpu_memory_mb: int | None = None) -> Device:
    """Return the device for *wanted* and set TensorFlow up for it.

    With `cpu`, TensorFlow does not touch the GPUs unless it already did; with a GPU, it takes memory as it needs it
    instead of all at once.

    Args:
        wanted: `auto` (the first GPU, else the CPU), `cpu`, `gpu` (the first one) or `gpu:N`.
        gpu_memory_mb: take so many MiB of a GPU's memory at once, and never more.

    Raises:
        DeviceNotFound: the GPU asked for is not there.
        ModelNotUsable: *wanted* is none of these.
    """
    match = re.fullmatch(r"auto|cpu|gpu(?::([0-9]{1,4}))?", wanted)
    if match is None:
        raise ModelNotUsable(f"device {wanted!r} is not one of auto, cpu, gpu, gpu:N")
    if wanted != "cpu":
        load_cusolver(sys.path)
    if wanted == "cpu" or (wanted == "auto" and not tf.config.list_physical_devices("GPU")):
        _hide_gpus()
        return CPU
    return _gpu(int(match[1] or 0), wanted, gpu_memory_mb)


def memory_in_use(name: str) -> int:
    """Return how many bytes of the memory of a GPU TensorFlow has in use; *name* is that of its `Device`."""
    return int(tf.config.experimental.get_memory_info(name.upper())["current"])


def load_cusolver(folders: Iterable[str]) -> None:
    """Load NVIDIA's libcusolver if a package in one of *folders* brings it.

    TensorFlow 2.21 looks for it beside its sisters from the same index, but not in its own folder, and uses no GPU
    without it. What is loaded already is found by its name.
    """
    for folder in folders:
        for library in Path(folder).glob("nvidia/cusolver/lib/libcusolver.so.*"):
            with suppress(OSError):  # TensorFlow looks for itself, and says what it misses
                ctypes.CDLL(str(library))


def _hide_gpus() -> None:
    # RuntimeError: TensorFlow runs already and can no longer be told; the placement alone then keeps us off the GPUs.
    with suppress(RuntimeError):
        tf.config.set_visible_devices([], "GPU")


def _gpu(index: int, wanted: str, memory_mb: int | None) -> Device:
    for gpu in tf.config.list_physical_devices("GPU"):
        with suppress(RuntimeError):  # TensorFlow runs already: this was set by whoever loaded the first model
            if memory_mb is None:
                tf.config.experimental.set_memory_growth(gpu, True)
            else:
                share = tf.config.LogicalDeviceConfiguration(memory_limit=memory_mb)
                tf.config.set_logical_device_configuration(gpu, [share])
    try:
        usable = len(tf.config.list_logical_devices("GPU"))
    except (RuntimeError, tf.errors.OpError) as error:
        raise DeviceNotFound(f"device {wanted!r} cannot be used: {first_line(error)}") from error
    if index >= usable:
        raise DeviceNotFound(f"device {wanted!r} is not there; TensorFlow sees {_seen()}{_hint()}")
    return Device(f"gpu:{index}", f"/GPU:{index}")


def _seen() -> str:
    return ", ".join(
        device.name.removeprefix("/physical_device:").lower() for device in tf.config.list_physical_devices()
    )


def _hint() -> str:
    if tf.test.is_built_with_cuda():
        return "; with a GPU in the machine, check the driver and CUDA_VISIBLE_DEVICES"
    return "; this TensorFlow is built without CUDA: pip install 'streamrank[gpu]'"

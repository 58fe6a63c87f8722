"""The machine and the versions that the figures belong to."""

import os
import platform
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import confluent_kafka

from benchmarks.folders import ROOT

_PACKAGES = (
    "aiokafka",
    "confluent-kafka",
    "faust-streaming",
    "msgspec",
    "numpy",
    "orjson",
    "tensorflow",
    "tensorflow-cpu",
)


def describe() -> dict[str, Any]:
    """Return what a reader needs to judge the figures."""
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {**_versions(), "librdkafka": confluent_kafka.libversion()[0]},
        "commit": _commit(),
        "model_device": os.environ.get("MODEL_DEVICE", "auto"),
    }


def load_average() -> list[float]:
    """How many processes wanted a core, over 1, 5 and 15 minutes."""
    return [round(each, 2) for each in os.getloadavg()]


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _versions() -> dict[str, str]:
    """Of what is installed: TensorFlow comes under two names."""
    found = {}
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _commit() -> str:
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"

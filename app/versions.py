"""The versions of what the service runs on."""

from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from platform import python_version


@cache
def installed_versions() -> dict[str, str]:
    """What runs here; TensorFlow under the name of the distribution that it came with, and not at all without one."""
    versions = {"python": python_version()}
    for name in ("streamrank", "faust-streaming", "aiokafka", "tensorflow-cpu", "tensorflow"):
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions

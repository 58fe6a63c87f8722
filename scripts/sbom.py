"""Write what the image's packages are, as CycloneDX, from a file of locked requirements; the same bytes each time."""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent

IMAGE = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.11.0",
    "python_version": "3.11",
    "sys_platform": "linux",
}
"""What the Dockerfile installs for; the locked files are for other Pythons too, with other versions of packages."""


def applicable(requirements: str) -> str:
    """Return the part of a locked file that `IMAGE` installs, without conditions."""
    return "".join(f"{name}{hashes}" for name, hashes in _entries(requirements))


def _entries(requirements: str) -> Iterator[tuple[str, str]]:
    for entry in re.split(r"^(?=\S)", requirements, flags=re.MULTILINE)[1:]:
        head, hashes, rest = entry.partition(" \\\n")
        requirement = Requirement(head)
        if requirement.marker is None or requirement.marker.evaluate(dict(IMAGE)):
            requirement.marker = None
            yield str(requirement), hashes + rest


def main() -> int:
    """Write the list of one file of requirements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requirements", type=Path, help="a locked file, with hashes")
    parser.add_argument("--output", type=Path, required=True, help="the file to write")
    wanted = parser.parse_args()
    wanted.output.parent.mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", "-"),
            *("--pyproject", str(ROOT / "pyproject.toml")),
            *("--output-reproducible", "--output-file", str(wanted.output)),
        ],
        input=applicable(wanted.requirements.read_text(encoding="utf-8")),
        # It would put the time that this names into the file.
        env={name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"},
        text=True,
        check=False,
    ).returncode


if __name__ == "__main__":
    sys.exit(main())

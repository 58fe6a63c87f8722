import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts import chart, sbom

REQUIREMENTS = sbom.ROOT / "requirements"


def written(path: Path, requirements: Path, **variables: str) -> bytes:
    subprocess.run(
        [sys.executable, sbom.__file__, requirements, "--output", path],
        env={"PYTHONPATH": str(sbom.ROOT), **variables},
        check=True,
    )
    return path.read_bytes()


def pinned(name: str) -> set[str]:
    """The packages of a locked file, with their versions, as far as they are for every system and Python."""
    lines = (REQUIREMENTS / f"{name}.txt").read_text().splitlines()
    return {line.split(" ")[0] for line in lines if re.match(r"[\w.-]+==", line) and ";" not in line}


@pytest.mark.parametrize("variant", ["cpu", "gpu"])
def test_it_lists_every_locked_package_and_the_service_itself(variant: str, tmp_path: Path) -> None:
    # cyclonedx-py compares what it writes with the format's own schema.
    bom: dict[str, Any] = json.loads(written(tmp_path / "bom.json", REQUIREMENTS / f"{variant}.txt"))

    about = bom["metadata"]["component"]
    assert (bom["bomFormat"], about["name"], about["version"]) == ("CycloneDX", "streamrank", chart.version())
    listed = {f"{each['name']}=={each['version']}" for each in bom["components"]}
    assert pinned(variant) <= listed
    # What depends on the system and on the Python is there as the image has it.
    assert {name for name in listed - pinned(variant) if not name.startswith("numpy==2.4")} == set()
    assert len(listed) == len(bom["components"])
    for each in bom["components"]:
        assert each["purl"].startswith(f"pkg:pypi/{each['name']}@{each['version']}")
        assert each["externalReferences"][0]["hashes"], each["name"]


def test_it_is_the_same_each_time(tmp_path: Path) -> None:
    first = written(tmp_path / "first.json", REQUIREMENTS / "cpu.txt")
    second = written(
        tmp_path / "second.json", REQUIREMENTS / "cpu.txt", SOURCE_DATE_EPOCH="1234567890", TZ="Asia/Tokyo"
    )

    assert first == second
    assert b"serialNumber" not in first
    assert b"timestamp" not in first


def test_only_what_the_image_installs_is_listed() -> None:
    locked = (
        "always==1 \\\n    --hash=sha256:01 \\\n    --hash=sha256:02\n"
        "colorama==0.4 ; sys_platform == 'win32' \\\n    --hash=sha256:03\n"
        "numpy==2.4 ; python_full_version < '3.12' \\\n    --hash=sha256:04\n"
        "numpy==2.5 ; python_full_version >= '3.12' \\\n    --hash=sha256:05\n"
    )

    assert sbom.applicable(locked) == (
        "always==1 \\\n    --hash=sha256:01 \\\n    --hash=sha256:02\nnumpy==2.4 \\\n    --hash=sha256:04\n"
    )


def test_the_image_has_the_python_that_is_assumed() -> None:
    dockerfile = (sbom.ROOT / "Dockerfile").read_text()

    assert re.findall(r"python:([0-9.]+)-", dockerfile) == [sbom.IMAGE["python_version"]]

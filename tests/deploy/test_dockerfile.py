import asyncio
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from app.ports import free_ports
from tests.app.web.worker import Worker

ROOT = Path(__file__).parents[2]


def instructions() -> list[str]:
    """The Dockerfile's lines, continued ones joined."""
    return (ROOT / "Dockerfile").read_text().replace("\\\n", "").splitlines()


async def check_health(port: int) -> tuple[int, str]:
    """Run the image's health check; its exit status and what it says."""
    (line,) = (line for line in instructions() if line.startswith("HEALTHCHECK"))
    _, *arguments = json.loads(line[line.index("[") :])
    nobody = f"http://127.0.0.1:{free_ports(1)[0]}"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={"HTTP_PORT": str(port), "http_proxy": nobody, "HTTP_PROXY": nobody},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    return process.returncode or 0, said.decode()


@pytest.mark.parametrize(
    ("reason", "expected"),
    [(None, (0, "")), ("loading the model", (1, "not ready: loading the model\n"))],
    ids=["ready", "not ready"],
)
async def test_the_health_check_asks_the_service_itself_whether_it_is_ready(
    reason: str | None, expected: tuple[int, str]
) -> None:
    worker = Worker()
    worker.trouble = reason
    web = worker.server()
    port = await web.start("127.0.0.1", 0)
    try:
        assert await check_health(port) == expected
    finally:
        await web.stop()


async def test_the_health_check_fails_while_nobody_listens() -> None:
    status, said = await check_health(free_ports(1)[0])

    assert (status, "ConnectionRefusedError" in said) == (1, True)


def test_the_image_gets_every_package_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    copied = {name for line in instructions() for name in re.findall(r"^COPY (\w+) \1$", line)}
    sent_to_docker = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert packages == copied
    assert packages <= sent_to_docker


def test_the_health_check_cannot_import_what_is_installed() -> None:
    (line,) = (line for line in instructions() if line.startswith("HEALTHCHECK"))
    program, option, *_ = json.loads(line[line.index("[") :])

    assert (program, option) == ("python", "-IS"), "without site-packages there is no TensorFlow"


def test_every_stage_is_made_from_one_base_that_has_a_version() -> None:
    froms = [line.split()[1] for line in instructions() if line.startswith("FROM ")]
    stages = {line.split()[3] for line in instructions() if re.match(r"FROM \S+ AS ", line)}

    assert set(froms) - stages == {"${BASE}"}
    assert re.search(r"^ARG BASE=python:3\.\d+-slim-[a-z]+$", "\n".join(instructions()), re.MULTILINE)


def test_the_labels_say_what_the_project_says_of_itself() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    said = dict(re.findall(r'org\.opencontainers\.image\.([a-z.]+)="([^"]*)"', "\n".join(instructions())))

    assert said["title"].lower() == project["name"]
    assert (said["description"], said["licenses"]) == (project["description"], project["license"])
    assert (said["version"], said["revision"], said["base.name"]) == ("${VERSION}", "${REVISION}", "${BASE}")

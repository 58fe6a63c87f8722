"""What `make build` makes: that it is the same each time, and that it is all that one needs."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator, Mapping
from email import message_from_bytes
from pathlib import Path
from zipfile import ZipFile

import pytest

from scripts import environment

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
PARTS = (*PACKAGES, "scripts", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore")


def copied(folder: Path) -> Path:
    """A copy of what is built, without anything that only this machine has."""
    folder.mkdir(parents=True)
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / part, folder)
    return folder


def built(project: Path, **variables: str) -> Path:
    """The folder with what was built of *project*."""
    done = subprocess.run(
        [project / "scripts" / "build.sh", project / "built"],
        env={**os.environ, "PYTHON": sys.executable, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return project / "built"


def digests(folder: Path) -> Mapping[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make build` makes."""
    return built(copied(tmp_path_factory.mktemp("here") / "project"))


@pytest.fixture(scope="module")
def wheel(release: Path) -> Path:
    (wheel,) = release.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def archive(release: Path) -> Path:
    (archive,) = release.glob("*.tar.gz")
    return archive


# -- the same each time


def test_the_same_bytes_come_out_elsewhere_at_another_time_and_for_another_user(release: Path, tmp_path: Path) -> None:
    other = copied(tmp_path / "a" / "folder of another depth")
    for path in other.rglob("*"):
        if path.is_file() and path.suffix != ".sh":
            path.chmod(0o600)
            os.utime(path, (1_000_000_000, 1_000_000_000))
    (other / "tests").mkdir()
    (other / "tests" / "left_over.py").touch()
    (other / "notes.txt").touch()

    again = built(other, SOURCE_DATE_EPOCH="1234567890", TZ="Asia/Tokyo", LC_ALL="C", PYTHONHASHSEED="7")

    assert len(digests(release)) == 2
    assert digests(again) == digests(release)


def test_the_source_archive_makes_the_same_wheel(wheel: Path, archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    (project,) = tmp_path.iterdir()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel"], cwd=project, check=True, capture_output=True
    )

    assert digests(project / "dist") == {wheel.name: digests(wheel.parent)[wheel.name]}


def test_another_line_of_code_makes_other_bytes(release: Path, tmp_path: Path) -> None:
    other = copied(tmp_path / "other")
    with (other / "app" / "lines.py").open("a") as file:
        file.write("# changed\n")

    assert digests(built(other)).keys() == digests(release).keys()
    assert set(digests(other / "built").values()).isdisjoint(digests(release).values())


# -- what is in it


def sources() -> Iterator[str]:
    """All files of the packages that the service reads."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*"):
            readable = path.suffix in {".py", ".typed"} or "page" in path.parts[len(ROOT.parts) + 1 :]
            if path.is_file() and readable and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT).as_posix()


def test_the_wheel_holds_what_the_service_needs_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as opened:
        inside = {name for name in opened.namelist() if ".dist-info/" not in name}

    assert inside == set(sources())
    assert {f"{package}/py.typed" for package in PACKAGES} <= inside
    assert "app/web/page/index.html" in inside


def test_the_wheel_says_what_the_project_says_of_itself(wheel: Path) -> None:
    with ZipFile(wheel) as opened:
        (about,) = (message_from_bytes(opened.read(name)) for name in opened.namelist() if name.endswith("/METADATA"))
        (commands,) = (opened.read(name).decode() for name in opened.namelist() if name.endswith("/entry_points.txt"))

    assert about["Version"] == PROJECT["project"]["version"]
    assert about["License-Expression"] == "Apache-2.0"
    assert set(about.get_all("Provides-Extra", [])) == set(PROJECT["project"]["optional-dependencies"])
    assert commands == "[console_scripts]\nstreamrank = app.cli:main\n"


def test_the_source_archive_has_no_more_than_the_sources(archive: Path) -> None:
    with tarfile.open(archive) as opened:
        top = {name.split("/")[1] for name in opened.getnames()}

    assert top == {*PACKAGES, "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore", "PKG-INFO"}


# -- it runs by itself


def uv(*arguments: str | Path) -> None:
    """Run the uv that `make` installs, which is told of package indexes in the way that it is there."""
    environ = dict(os.environ)
    environment.hand_to_uv(environment.pip_settings(sys.executable), environ)
    environment.find_cache(sys.executable, sys.prefix, environ)
    done = subprocess.run(
        [sys.executable, "-m", "uv", *arguments], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel, the packages of the CPU image and nothing else."""
    folder = tmp_path_factory.mktemp("empty") / "environment"
    # `make` has put the packages into uv's cache, from where they are linked, TensorFlow too.
    uv("venv", "--python", sys.executable, folder)
    into = ("pip", "install", "--python", folder)
    uv(*into, "--require-hashes", "--requirement", ROOT / "requirements" / "cpu.txt")
    uv(*into, "--no-deps", wheel)
    uv("pip", "check", "--python", folder)
    return folder / "bin"


def run(command: str | Path, *arguments: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program that sees nothing of this project's folder."""
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), **variables}
    return subprocess.run([command, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=False)


def test_an_installed_wheel_tells_its_version(programs: Path, tmp_path: Path) -> None:
    done = run(programs / "streamrank", "--version", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, f"streamrank {PROJECT['project']['version']}\n")


def test_an_installed_wheel_shows_its_settings_and_refuses_wrong_ones(programs: Path, tmp_path: Path) -> None:
    right = {"INPUT_TOPIC": "records", "OUTPUT_TOPIC": "rankings", "MODEL_PATH": "/models/digits"}

    shown = run(programs / "streamrank", "config", "--json", cwd=tmp_path, **right)
    refused = run(programs / "streamrank", "serve", cwd=tmp_path)

    assert (shown.returncode, shown.stderr) == (0, "")
    assert json.loads(shown.stdout)["INPUT_TOPIC"] == {"value": "records", "source": "environment"}
    assert refused.returncode == 2
    assert "INPUT_TOPIC is missing" in refused.stderr


def test_an_installed_wheel_ranks_records_with_a_model(programs: Path, tmp_path: Path) -> None:
    made = run(programs / "python", "-m", "models.example", tmp_path / "example", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    (tmp_path / "records.jsonl").write_text(json.dumps({"id": "r1", "features": [0.5] * 32}) + "\n")

    done = run(programs / "streamrank", "score", "records.jsonl", "--model", tmp_path / "example", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    ranking = json.loads(done.stdout)
    assert (ranking["id"], ranking["model"], len(ranking["predictions"])) == ("r1", "example", 5)


def test_an_installed_wheel_is_what_runs(programs: Path, tmp_path: Path) -> None:
    done = run(programs / "python", "-c", "import app.worker; print(app.worker.__file__)", cwd=tmp_path)

    assert done.stdout.startswith(str(programs.parent)), done.stderr

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

from app import cli
from config.settings import VARIABLES

REQUIRED = {"INPUT_TOPIC": "images", "OUTPUT_TOPIC": "rankings", "MODEL_PATH": "/models/digits"}


def streamrank(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m app` with nothing in its environment but *environ*."""
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=cwd,
        env={"PATH": os.defpath} | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_config_prints_a_table_of_variables_values_and_sources(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RANK_TOP_K=3\n")

    done = streamrank("config", cwd=tmp_path, **REQUIRED)

    assert (done.returncode, done.stderr) == (0, "")
    rows = [re.split(" {2,}", line) for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == list(VARIABLES)
    assert ["INPUT_TOPIC", "images", "environment"] in rows
    assert ["RANK_TOP_K", "3", ".env"] in rows
    assert ["MODEL_NAME", "(last folder name)", "default"] in rows
    assert len({len(line) - len(row[2]) for line, row in zip(done.stdout.splitlines(), rows, strict=True)}) == 1


def test_config_prints_json_for_programs(tmp_path: Path) -> None:
    done = streamrank("config", "--json", cwd=tmp_path, MODEL_NAME="https://me:hush@host", **REQUIRED)

    rows = json.loads(done.stdout)
    assert list(rows) == list(VARIABLES)
    assert rows["INPUT_TOPIC"] == {"value": "images", "source": "environment"}
    assert rows["RANK_MIN_SCORE"] == {"value": None, "source": "default"}
    assert rows["MODEL_NAME"]["value"] == "https://***@host"


@pytest.mark.parametrize("command", [["serve"], [], ["config"], ["config", "--json"]])
def test_wrong_settings_end_with_status_2_and_a_line_for_each_mistake(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    done = streamrank(*command, cwd=tmp_path, BATCH_MAX_SIZE="0", HTTP_PORT="none", MODEL_PATH="m", INPUT_TOPIC="in")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "streamrank: OUTPUT_TOPIC is missing: the topic that predictions go to, for example OUTPUT_TOPIC=rankings",
        "streamrank: BATCH_MAX_SIZE=0: must be at least 1",
        "streamrank: HTTP_PORT=none: must be a whole number",
    ]


def test_serve_tells_paths_that_are_not_there_together_with_all_other_mistakes(tmp_path: Path) -> None:
    topics = {"INPUT_TOPIC": "images", "OUTPUT_TOPIC": "rankings"}
    paths = {"MODEL_PATH": "nope", "MODEL_LABELS_PATH": "/nowhere/labels"}
    missing = [
        "streamrank: MODEL_PATH=nope: No such file or directory",
        "streamrank: MODEL_LABELS_PATH=/nowhere/labels: No such file or directory",
    ]

    done = streamrank("serve", cwd=tmp_path, **topics, **paths)
    assert (done.returncode, done.stderr.splitlines()) == (2, missing)

    done = streamrank("serve", cwd=tmp_path, BATCH_MAX_SIZE="0", **topics, **paths)
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        ["streamrank: BATCH_MAX_SIZE=0: must be at least 1", *missing],
    )


A_WORKER_THAT_LOGS_WHILE_LINES_ARE_HELD_BACK = """
import logging, os, sys
from types import ModuleType

def run(settings):
    sys.modules["tensorflow"] = ModuleType("tensorflow")
    from models.runtime import held_back
    with held_back():
        logging.getLogger("worker").info("a line of ours")
        os.write(2, b"a line of a library")
    return 0

sys.modules["app.worker"] = ModuleType("app.worker")
sys.modules["app.worker"].run = run
from app.cli import main
sys.exit(main(["serve"]))
"""


@pytest.mark.parametrize(("closed", "shown"), [("", ["a line of ours"]), ("2>&-", [])])
def test_our_log_lines_are_written_while_those_of_libraries_are_held_back(
    tmp_path: Path, closed: str, shown: list[str]
) -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, A_WORKER_THAT_LOGS_WHILE_LINES_ARE_HELD_BACK],
        cwd=tmp_path,
        env=REQUIRED | {"MODEL_PATH": str(tmp_path), "LOG_FORMAT": "json"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == shown


@pytest.mark.parametrize("command", [["--help"], ["serve", "--help"], ["config", "--help"], ["dead-letters", "--help"]])
def test_help_shows_examples(command: list[str], tmp_path: Path) -> None:
    done = streamrank(*command, cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: streamrank")
    assert "\nexamples:\n" in done.stdout


def test_help_loads_no_heavy_library(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from app.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(sorted({'faust', 'numpy', 'pydantic', 'tensorflow', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert streamrank("--version", cwd=tmp_path).stdout == f"streamrank {version('streamrank')}\n"


@pytest.mark.parametrize("command", [["fly"], ["config", "--jsn"], ["serve", "now"]])
def test_an_unknown_command_or_option_ends_with_status_2(command: list[str], tmp_path: Path) -> None:
    done = streamrank(*command, cwd=tmp_path, **REQUIRED)

    assert done.returncode == 2
    assert done.stderr.startswith("usage: streamrank")


def test_the_command_line_alone_asks_for_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main([])
    assert "required: COMMAND" in capsys.readouterr().err


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Stand in for the demo, which needs a broker and a minute."""
    module = ModuleType("app.demo.run")
    monkeypatch.setitem(sys.modules, "app.demo", ModuleType("app.demo"))
    monkeypatch.setitem(sys.modules, "app.demo.run", module)
    return module


def test_the_demo_gets_the_remaining_arguments_and_gives_the_exit_status(demo: ModuleType) -> None:
    given: list[list[str]] = []

    def main(arguments: list[str]) -> int:
        given.append(arguments)
        return 7

    demo.main = main  # type: ignore[attr-defined]

    assert cli.main(["demo", "--keep", "--help"]) == 7
    assert given == [["--keep", "--help"]]


def test_a_package_that_the_demo_lacks_is_named_with_the_way_to_get_it(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)

    def main(_arguments: list[str]) -> int:
        import rich.table

        return len(rich.table.__name__)

    demo.main = main  # type: ignore[attr-defined]

    assert cli.main(["demo"]) == 1
    assert capsys.readouterr().err == (
        "streamrank: the demo needs the package rich, which is not installed: pip install 'streamrank[cpu,demo]'\n"
    )


def test_a_missing_part_of_our_own_is_no_missing_package(demo: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "app.demo.run", None)

    with pytest.raises(ModuleNotFoundError, match=r"app\.demo\.run"):
        cli.main(["demo"])

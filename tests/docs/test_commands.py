"""Every command of the documentation is run: here, by a test that the page names, or where there is what it needs."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from app import cli
from app.ports import free_ports
from tests.broker.session import Broker
from tests.broker.topics import TopicClient
from tests.docs.kafka_tools import PROGRAMS
from tests.docs.pages import LACKING, ROOT, Block, blocks, essential, options, pages, prose

ALL = [block for page in pages() for block in blocks(page)]
COMMANDS = [block for block in ALL if block.has_commands]
RUN = [block for block in COMMANDS if block.kind == "run"]
TESTED = [block for block in COMMANDS if block.kind == "tested"]
# What must have been seen on a page's terminal, beside that no command failed.
SEEN = {
    "docs/getting-started.md": ['"label":"seven"', '"model_version":"1"', "missing_field", "ok: every record"],
    "docs/operations.md": ['"ready"', "ok", "streamrank_consumer_lag_records"],
}
PROGRAM = r"(\$ .*|(sudo|make|streamrank|docker|kubectl|helm|pip|python3?|curl|git|kafka-[a-z-]+\.sh) .*)$"
INDENTED = re.compile(rf"^    {PROGRAM}", re.MULTILINE)
IN_A_BLOCK = re.compile(rf"^ *{PROGRAM}", re.MULTILINE)


@pytest.mark.parametrize("block", COMMANDS, ids=lambda block: block.place)
def test_a_block_of_commands_says_who_runs_it(block: Block) -> None:
    assert block.kind, f"{block.place}: the line before it says nothing; tests/docs/pages.py tells what it may say"
    if block.kind == "needs":
        assert block.detail in LACKING
    if block.kind == "run":
        assert block.detail in {"", "serves"}


@pytest.mark.parametrize("block", TESTED, ids=lambda block: block.place)
def test_the_tests_that_a_page_names_run_its_commands(block: Block) -> None:
    files = [ROOT / name for name in block.detail.split()]
    assert files
    for file in files:
        assert file.name.startswith("test_") or file == ROOT / ".ci" / "run", f"{file} is no test"
    texts = [file.read_text(encoding="utf-8") for file in files]
    for command in block.commands:
        untested = [word for word in essential(command) if not any(has(text, word) for text in texts)]
        assert untested == [], f"{block.place}: {command}"


def has(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_no_command_stands_where_nobody_looks_for_it(page: Path) -> None:
    others = "\n".join(block.text for block in blocks(page) if not block.has_commands)

    assert [found[0] for found in (*INDENTED.finditer(prose(page)), *IN_A_BLOCK.finditer(others))] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_no_command_and_no_option_that_is_not_there(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in named(page):
        if words[0] == "make":
            assert re.search(rf"^{re.escape(words[1])}:", (ROOT / "Makefile").read_text(), re.MULTILINE), words
            continue
        path, given = words[1:2], options(words)
        if path in (["dead-letters"], ["train"]):
            path = words[1:3]
        with pytest.raises(SystemExit) as ended:
            cli.main([*(each for each in path if not each.startswith("-")), "--help"])
        assert ended.value.code == 0, words
        known = capsys.readouterr().out
        assert [option for option in given if not has(known, option)] == [], words


def named(page: Path) -> Iterator[list[str]]:
    """Commands of ours, in blocks and in the text."""
    in_text = [shlex.split(one) for one in re.findall(r"`((?:make|streamrank) [^`]+)`", prose(page))]
    for words in (*in_text, *(words for block in blocks(page) for words in commands(block))):
        if words[0] in {"make", "streamrank"} and len(words) > 1 and re.match(r"[a-z-]", words[1]):
            yield words


def commands(block: Block) -> list[list[str]]:
    return block.commands if block.has_commands else []


@pytest.mark.needs_apache_kafka
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", sorted({block.page for block in RUN}))
def test_what_a_page_shows_runs(page: str, kafka: Broker, tmp_path: Path) -> None:
    port = free_ports(1)[0]
    client = TopicClient(kafka)
    there = set(client.names())
    script = shell([block for block in RUN if block.page == page], kafka.bootstrap_servers, port)
    try:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=sandbox(tmp_path),
            env=environment(tmp_path, port),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    finally:
        if made := {name for name in client.names() if not name.startswith("__")} - there:
            client.delete(*made)
        client.close()
    assert done.returncode == 0, done.stdout
    assert [wanted for wanted in SEEN.get(page, []) if wanted not in done.stdout] == [], done.stdout


def shell(blocks: list[Block], broker: str, port: int) -> str:
    """One script of all *blocks*; what serves is ready before the next, and in the end it must stop cleanly."""
    parts = ["set -euo pipefail", "served=", 'trap "kill \\$served 2>/dev/null || :" EXIT']
    for block in blocks:
        text = block.text.replace("localhost:9092", broker).replace("localhost:8000", f"127.0.0.1:{port}")
        parts.append(f"echo '== {block.place}'")
        if block.detail == "serves":
            parts.append(f"{text.rstrip()} &\nserved=$!")
            parts.append(f"until curl -sf http://127.0.0.1:{port}/readyz; do kill -0 $served; sleep 0.2; done")
        else:
            parts.append(text)
    parts.append('[ -z "$served" ] || { kill -TERM $served; wait $served; }; served=')
    return "\n".join(parts)


def sandbox(folder: Path) -> Path:
    """A folder to work in, beside one with the programs that users have installed."""
    programs, workplace = folder / "bin", folder / "work"
    programs.mkdir()
    workplace.mkdir()
    ours = f"{shlex.quote(sys.executable)} -c 'import sys; from app.cli import main; sys.exit(main())'"
    python = shlex.quote(sys.executable)
    kafkas = {name: f"{python} -m tests.docs.kafka_tools {name}" for name in PROGRAMS}
    for name, command in {"streamrank": ours, "python": python, **kafkas}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (programs / name).chmod(0o755)
    return workplace


def environment(folder: Path, port: int) -> Mapping[str, str]:
    return {
        "PATH": f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PYTHONPATH": str(ROOT),
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": str(port),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "LC_ALL": "C.UTF-8",
    }


# --- What keeps the tests above honest.


def page_of(tmp_path: Path, text: str) -> list[Block]:
    (tmp_path / "page.md").write_text(text)
    return list(blocks(tmp_path / "page.md"))


def test_a_marker_counts_for_the_block_below_it_alone(tmp_path: Path) -> None:
    first, second = page_of(tmp_path, "<!-- needs: gpu -->\n\n```sh\nmake test-gpu\n```\n\n```sh\nmake test\n```\n")

    assert (first.kind, first.detail, second.kind) == ("needs", "gpu", "")


def test_a_commands_essence_is_what_it_does_and_its_options(tmp_path: Path) -> None:
    text = """```sh
RANK_BY=candidates streamrank dead-letters replay --reason model_error --rate=5 > file  # once more
make bench ARGS="--only races --runs 3"
export A=b
curl -s "http://$WORKER/readyz" | jq .ready
```"""
    (block,) = page_of(tmp_path, text)

    assert [essential(command) for command in block.commands] == [
        ["dead-letters", "replay", "--reason", "--rate"],
        ["bench", "--only", "--runs"],
        ["/readyz"],
        ["jq"],
    ]


def test_of_a_terminal_only_what_was_typed_is_a_command(tmp_path: Path) -> None:
    (block,) = page_of(tmp_path, "```console\n$ streamrank audit --json\n{}\n```")

    assert block.commands == [["streamrank", "audit", "--json"]]


def test_commands_outside_of_blocks_are_noticed() -> None:
    assert INDENTED.search("Some words:\n\n    make demo now\n")
    assert IN_A_BLOCK.search("$ ls")
    assert not INDENTED.search("make sure that\n")

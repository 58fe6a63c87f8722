"""`streamrank replay` as one calls it, on a real broker."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.settings import VARIABLES
from tests.broker.records import Record
from tests.broker.topics import Topics

REPLAY = [sys.executable, "-c", "import sys; from app.cli import main; sys.exit(main(['replay', *sys.argv[1:]]))"]


@pytest.fixture
def environment(topics: Topics) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    servers = {"KAFKA_BOOTSTRAP_SERVERS": topics.client.bootstrap_servers, "INPUT_TOPIC": topics.input}
    return inherited | servers | {"PYTHONPATH": str(Path(__file__).parents[3])}


@pytest.fixture
def replay(environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    def run(*arguments: str, stdin: bytes = b"", **variables: str) -> subprocess.CompletedProcess[bytes]:
        where = {"env": environment | variables, "cwd": tmp_path}
        return subprocess.run(
            [*REPLAY, *arguments], input=stdin, capture_output=True, check=False, timeout=120, **where
        )

    return run


def test_lines_become_records_with_a_key(topics: Topics, replay: Any, tmp_path: Path) -> None:
    values = [json.dumps({"race": f"r{number % 5}", "lap": number}).encode() for number in range(2000)]
    (tmp_path / "races.jsonl").write_bytes(b"\n".join(values))
    done = replay("races.jsonl", "--key-field", "race")
    assert done.returncode == 0
    assert done.stderr.startswith(f"streamrank: 2,000 records written to {topics.input} in ".encode())
    found = topics.client.read_all(topics.input)
    assert sorted(each.value or b"" for each in found) == sorted(values)
    for each in found:
        assert each.key == json.loads(each.value or b"")["race"].encode()
    for key in {each.key for each in found}:
        mine = [each for each in found if each.key == key]
        assert len({each.partition for each in mine}) == 1
        laps = [json.loads(each.value or b"")["lap"] for each in mine]
        assert laps == sorted(laps)


def test_a_topic_is_written_again_with_keys_headers_and_partitions(topics: Topics, replay: Any) -> None:
    records = [
        Record(
            b"%d" % number,
            b"k%d" % (number % 7) if number % 3 else None,
            headers=(("n", b"%d" % number),),
            partition=number % 4,
        )
        for number in range(500)
    ]
    topics.client.write(topics.input, records)
    done = replay("--from-topic", topics.input, "--to", topics.output, "--speed", "max")
    assert (done.returncode, done.stdout) == (0, b"")
    for name in (topics.input, topics.output):
        found = topics.client.read_all(name)
        assert [(each.key, each.value, list(each.headers), each.partition) for each in found] == [
            (each.key, each.value, list(each.headers), each.partition)
            for each in sorted(records, key=lambda each: each.partition or 0)
        ]


def test_it_can_be_cut_by_time_and_goes_at_its_pace(topics: Topics, replay: Any) -> None:
    for number in range(3):
        topics.client.write(topics.input, [Record(b"%d" % number, partition=number)])
        time.sleep(0.4)  # what is to be replayed is real time
    began = time.monotonic()
    done = replay("--from-topic", topics.input, "--to", topics.output)
    assert (done.returncode, len(topics.client.read_all(topics.output))) == (0, 3)
    assert time.monotonic() - began > 0.8
    done = replay("--from-topic", topics.input, "--to", topics.output, "--until", "1d")
    assert (done.returncode, len(topics.client.read_all(topics.output))) == (0, 3)
    done = replay("--from-topic", topics.input, "--to", topics.output, "--since", "1h", "--speed", "10")
    assert (done.returncode, len(topics.client.read_all(topics.output))) == (0, 6)


def test_a_pipe_is_written_while_it_is_open_and_a_signal_ends_it(topics: Topics, environment: dict[str, str]) -> None:
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen([*REPLAY, "-"], env=environment, **pipes) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b"one\ntwo\n")
        process.stdin.flush()
        assert sorted(each.value or b"" for each in topics.client.read(topics.input, 2)) == [b"one", b"two"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
        assert process.stderr.read().splitlines()[-1] == b"streamrank: stopped by SIGTERM"


@pytest.mark.parametrize(
    ("arguments", "variables", "status", "message"),
    [
        (("nothing.jsonl",), {}, 2, "streamrank: nothing.jsonl: No such file or directory"),
        (("-", "--to", "no-such-topic"), {}, 2, "streamrank: there is no topic no-such-topic"),
        (("--from-topic", "no-such-topic"), {}, 2, "streamrank: there is no topic no-such-topic"),
        (("--from-topic", "same", "--to", "same"), {}, 2, "streamrank: --to same: this is where the records come from"),
        (("-",), {"INPUT_TOPIC": ""}, 2, "streamrank: INPUT_TOPIC"),
        (("-", "--bootstrap-servers", "127.0.0.1:1"), {}, 3, "streamrank: no broker can be reached: "),
    ],
)
def test_what_cannot_work_is_told(
    arguments: tuple[str, ...], variables: dict[str, str], status: int, message: str, replay: Any
) -> None:
    done = replay(*arguments, **variables)
    assert (done.returncode, done.stdout) == (status, b"")
    assert done.stderr.decode().startswith(message), done.stderr


def test_a_line_that_is_not_as_it_should_be_ends_it_after_those_before(topics: Topics, replay: Any) -> None:
    done = replay("-", "--key-field", "race", stdin=b'{"race": 1}\n{"horse": 2}\n{"race": 3}\n')
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == b"streamrank: line 2: there is no field 'race'"
    assert [each.key for each in topics.client.read_all(topics.input)] == [b"1"]

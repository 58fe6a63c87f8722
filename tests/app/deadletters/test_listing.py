"""`streamrank dead-letters list`, on each kind of broker."""

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from app.deadletters import run as command
from app.errors import Reason
from tests.app.deadletters.conftest import environment
from tests.app.deadletters.letters import letters_from, outgoing, written
from tests.broker.records import Record
from tests.broker.topics import Topics

REASONS = (Reason.WRONG_SHAPE, Reason.MODEL_ERROR, Reason.INVALID_JSON)


def objects(lines: list[str]) -> list[dict]:
    return [json.loads(line) for line in lines]


def test_letters_of_all_partitions_are_listed_the_newest_last(any_topics: Topics, dead_letters) -> None:
    topics = any_topics
    topics.client.write(topics.dead_letters, letters_from(topics.input, 50, reasons=REASONS))

    done = dead_letters(topics)("list")

    assert (done.status, done.err) == (0, "")
    head, *lines = done.lines
    assert head.split() == ["PLACE", "AGE", "REASON", "SOURCE", "MESSAGE"]
    cells = [line.split(maxsplit=4) for line in lines]
    assert [[place, *rest] for place, _age, *rest in cells] == [
        [
            f"{number % 4}@{number // 4}",
            str(REASONS[number % 3]),
            f"{topics.input}[{number % 4}]@{number}",
            f"record {number} is wrong",
        ]
        for number in range(50)
    ]


def test_programs_get_one_object_a_line(topics: Topics, dead_letters) -> None:
    topics.client.write(topics.dead_letters, letters_from(topics.input, 9))

    found = objects(dead_letters(topics)("list", "--json").lines)

    assert [each["source_offset"] for each in found] == list(range(9))
    assert found[5]["place"] == "1@1"
    assert found[5]["key"] == "key-5"


def test_only_the_newest_are_shown_where_so_many_are_wanted(topics: Topics, dead_letters) -> None:
    topics.client.write(topics.dead_letters, letters_from(topics.input, 50, reasons=REASONS))

    found = objects(dead_letters(topics)("list", "--json", "--limit", "3", "--reason", "model_error").lines)

    assert [each["source_offset"] for each in found] == [43, 46, 49]


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        (["--reason", "model_error", "--reason", "invalid_json"], [1, 2, 4, 5, 7, 8, 10, 11]),
        (["--stage", "validate"], [0, 3, 6, 9]),
        (["--source-partition", "3"], [3, 7, 11]),
        (["--source-offset", "3", "--source-offset", "4"], [3, 4]),
        (["--place", "1@2", "--place", "0@0"], [0, 9]),
        (["--place", "7@0"], []),
        (["--source-topic", "elsewhere"], []),
        (["--since", "1h"], [12, 13]),
        (["--until", "1h", "--reason", "model_error"], [1, 4, 7, 10]),
        (["--since", "2020-01-01T00:00:00Z", "--until", "2020-01-02T00:00:00+01:00"], []),
    ],
)
def test_filters_leave_what_they_say(topics: Topics, dead_letters, filters: list[str], numbers: list[int]) -> None:
    now = int(time.time() * 1000)
    records = letters_from(topics.input, 14, reasons=REASONS)
    old = [
        Record(each.value, each.key, each.headers, each.partition, now - 7_200_000 + number)
        for number, each in enumerate(records)
    ]
    topics.client.write(topics.dead_letters, [*old[:12], *records[12:]])
    if "--reason" in filters or "--stage" in filters:
        filters = [*filters, "--until", "1h"]

    done = dead_letters(topics)("list", "--json", *filters)

    assert [each["source_offset"] for each in objects(done.lines)] == numbers
    assert done.said == ([] if numbers else ["no letter matches"])


def test_a_summary_counts_what_matches(any_topics: Topics, dead_letters) -> None:
    topics = any_topics
    topics.client.write(topics.dead_letters, letters_from(topics.input, 30, reasons=REASONS))
    run = dead_letters(topics)

    lines = [line.split()[:2] for line in run("list", "--summary", "--source-partition", "1").lines]
    assert lines[:4] == [["REASON", "LETTERS"], ["invalid_json", "3"], ["model_error", "3"], ["wrong_shape", "2"]]
    assert lines[-1] == [f"{topics.input}[1]", "8"]
    rows = objects(run("list", "--summary", "--json").lines)
    assert {row["reason"]: row["letters"] for row in rows if "reason" in row} == dict.fromkeys(REASONS, 10)


def test_a_topic_without_letters_is_no_failure(any_topics: Topics, dead_letters) -> None:
    run = dead_letters(any_topics)
    for arguments in (["list"], ["list", "--json"], ["list", "--summary"], ["list", "--limit", "3"]):
        done = run(*arguments)
        assert (done.status, done.out, done.said) == (0, "", ["no letter matches"])


def test_what_somebody_else_wrote_is_listed_too_and_commands_no_terminal(topics: Topics, dead_letters) -> None:
    bad = outgoing(3, source=TopicPartition(topics.input, 0))
    headers = [(name, b"\x1b[2J\xff" if name == "error-message" else value) for name, value in bad.headers]
    topics.client.write(
        topics.dead_letters, [Record(b"x", partition=0), Record(b"y", headers=tuple(headers), partition=0)]
    )

    _, foreign, ours = dead_letters(topics)("list").lines

    assert foreign.endswith("(not written by this service)")
    assert ours.endswith("\\x1b[2J\ufffd")


def test_another_dead_letter_topic_can_be_named(topics: Topics, dead_letters) -> None:
    topics.client.write(topics.output, [written(outgoing(3, source=TopicPartition("far", 0)))])
    run = dead_letters(topics)

    assert objects(run("list", "--json", "--dead-letter-topic", topics.output).lines)[0]["source_topic"] == "far"
    missing = run("list", "--input-topic", "far")
    assert (missing.status, missing.out, missing.said) == (2, "", ["there is no topic far.dead-letters"])
    wrong = run("list", "--dead-letter-topic", "no/topic")
    assert wrong.status == 2
    assert wrong.said[0].startswith("DEAD_LETTER_TOPIC=no/topic: must be 1 to 249 of the characters")


def test_wrong_settings_end_with_2_and_a_broker_that_is_not_there_with_3(
    topics: Topics, dead_letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = dead_letters(topics)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    gone = run("list")
    assert (gone.status, gone.said) == (3, ["no broker can be reached: 127.0.0.1:1: Connection refused"])
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("KAFKA_SSL_CAFILE", "/nowhere.pem")
    assert run("list").said == ["KAFKA_SSL_CAFILE=/nowhere.pem: No such file or directory"]
    monkeypatch.delenv("INPUT_TOPIC")
    wrong = run("list")
    assert wrong.status == 2
    assert wrong.said[0].startswith("INPUT_TOPIC is missing")


def test_a_reader_that_goes_away_ends_it_without_a_word(topics: Topics, tmp_path: Path) -> None:
    topics.client.write(topics.dead_letters, letters_from(topics.input, 5000))
    command = f"{shlex.quote(sys.executable)} -m app dead-letters list; echo $? >&2"
    done = subprocess.run(
        ["sh", "-c", f"({command}) | head -1"],
        cwd=tmp_path,
        env={**os.environ, **environment(topics), "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout.split()[0], done.stderr) == ("PLACE", "141\n")


def test_what_the_terminal_cannot_write_is_written_as_an_escape(topics: Topics, tmp_path: Path) -> None:
    bad = outgoing(3, source=TopicPartition(topics.input, 0))
    headers = [(name, "größer".encode() if name == "error-message" else value) for name, value in bad.headers]
    topics.client.write(topics.dead_letters, [Record(b"y", headers=tuple(headers), partition=0)])
    variables = {**environment(topics), "PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "app", "dead-letters", "list"],
        cwd=tmp_path,
        env={**os.environ, **variables},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(b"  gr\\xf6\\xdfer\n")


def test_ctrl_c_ends_with_130(topics: Topics, dead_letters, monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "show_list", interrupted)
    assert dead_letters(topics)("list").status == 130

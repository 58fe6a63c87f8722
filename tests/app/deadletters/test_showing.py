"""`streamrank dead-letters show`, on each kind of broker."""

import pytest
from aiokafka import TopicPartition

from app.errors import Reason
from tests.app.deadletters.letters import outgoing, written
from tests.broker.records import Record
from tests.broker.topics import Topics


def write(topics: Topics, *letters: Record) -> None:
    topics.client.write(topics.dead_letters, letters)


def test_everything_about_a_letter_is_shown(any_topics: Topics, dead_letters) -> None:
    topics = any_topics
    source = TopicPartition(topics.input, 2)
    headers = (("trace", b"t1"), ("error-reason", b"\xff"), ("none", None), ("replay-count", b"1"))
    letter = outgoing(41, b'{"id":"r1","x":[1.50]}', reason=Reason.WRONG_TYPE, source=source, headers=headers)
    write(topics, written(outgoing(40, source=source), 2), written(letter, 2, 1_700_000_000_000))

    done = dead_letters(topics)("show", "2@1")

    assert (done.status, done.err) == (0, "")
    refused, written_at = (line for line in done.lines if line.startswith(("refused", "written")))
    assert refused.startswith("refused   2023-11-14T22:13:20.000Z, ")
    assert written_at.startswith("written   2023-11-14T22:13:20.000Z, ")
    assert [line for line in done.lines if line not in {refused, written_at}] == [
        f"place     2@1 of {topics.dead_letters}",
        "stage     validate",
        "reason    wrong_type",
        "message   record 41 is wrong",
        f"source    {topics.input}[2]@41",
        "model     mlp 3",
        "replayed  once",
        "key       k (1 byte)",
        "headers   4",
        "  trace: t1",
        "  error-reason: 0xff",
        "  none: none",
        "  replay-count: 1",
        "value     22 bytes, JSON",
        "{",
        '  "id": "r1",',
        '  "x": [',
        "    1.50",
        "  ]",
        "}",
    ]


@pytest.mark.parametrize(
    ("value", "omitted", "shown"),
    [
        (b"two\nlines", False, ["value     9 bytes, text", "two", "lines"]),
        (b"\xff", False, ["value     1 byte, bytes", f"00000000  {'ff':<47}  ."]),
        (b"", False, ["value     0 bytes"]),
        (None, False, ["value     none, the record was a tombstone"]),
        (b"x" * 5000, True, ["value     left out as too large: 5,000 bytes"]),
    ],
)
def test_a_value_is_shown_as_what_it_is(
    topics: Topics, dead_letters, value: bytes | None, omitted: bool, shown: list[str]
) -> None:
    write(topics, written(outgoing(0, value, key=None, omitted=omitted)))

    lines = dead_letters(topics)("show", "0@0").lines

    at = next(number for number, line in enumerate(lines) if line.startswith("value"))
    assert lines[at:] == shown
    assert "key       none" in lines
    assert "replayed  never" in lines
    assert "headers   none" in lines


def test_the_value_alone_is_written_byte_for_byte(any_topics: Topics, dead_letters) -> None:
    value = bytes(range(256)) * 3000
    write(any_topics, written(outgoing(0, b"before")), written(outgoing(1, value)), written(outgoing(2, None)))
    run = dead_letters(any_topics)

    assert run("show", "0@1", "--raw").out.encode(errors="surrogateescape") == value
    nothing = run("show", "0@2", "--raw")
    assert (nothing.status, nothing.out) == (1, "")
    assert nothing.said == ["the letter at 0@2 has no value: none, the record was a tombstone"]


def test_what_somebody_else_wrote_is_shown_with_all_its_headers(topics: Topics, dead_letters) -> None:
    write(topics, Record(b"x", headers=(("error-reason", b"mine"),), partition=0))

    lines = dead_letters(topics)("show", "0@0").lines

    assert "reason    (not written by this service)" in lines
    assert "  error-reason: mine" in lines


def test_a_place_without_a_letter_is_said_to_be_so(any_topics: Topics, dead_letters) -> None:
    topics = any_topics
    write(topics, written(outgoing(0)))
    run = dead_letters(topics)

    for place, message in (
        ("0@1", f"there is no letter at 0@1: partition 0 of {topics.dead_letters} holds offsets 0 to 0"),
        ("1@0", f"there is no letter at 1@0: partition 1 of {topics.dead_letters} holds nothing"),
        ("4@0", f"{topics.dead_letters} has no partition 4, only 0 to 3"),
    ):
        done = run("show", place)
        assert (done.status, done.out, done.said) == (1, "", [message])


@pytest.mark.needs_apache_kafka
def test_a_place_between_letters_is_said_to_be_one(topics: Topics, dead_letters) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": topics.client.bootstrap_servers, "transactional.id": topics.group})
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce(topics.dead_letters, b"x", partition=0)
    producer.commit_transaction()

    done = dead_letters(topics)("show", "0@1")

    assert (done.status, done.out) == (1, "")
    assert "belongs to a transaction, or its record was deleted" in done.err

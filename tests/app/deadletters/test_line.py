import json

from aiokafka import TopicPartition

from app.deadletters.line import as_json, head, line
from app.errors import Reason
from app.records import Outgoing
from tests.app.deadletters.letters import NOW, letter, outgoing

FOREIGN = letter(Outgoing(b"\xff", b"x", []), timestamp=-1)


def test_a_line_tells_place_age_reason_source_and_message() -> None:
    found = letter(
        outgoing(41, reason=Reason.TOO_LARGE_TO_PUBLISH, source=TopicPartition("in", 2)), 3, 17, NOW - 7200_000
    )

    assert line(found, NOW, source_width=12, width=None) == (
        "3@17         2h  too_large_to_publish  in[2]@41      record 41 is wrong"
    )
    assert head(12).split() == ["PLACE", "AGE", "REASON", "SOURCE", "MESSAGE"]
    assert head(12).index("MESSAGE") == line(found, NOW, source_width=12, width=None).index("record 41")


def test_a_line_is_cut_at_the_width_of_the_terminal() -> None:
    whole = line(letter(), NOW, source_width=12, width=None)

    assert line(letter(), NOW, source_width=12, width=len(whole)) == whole
    assert line(letter(), NOW, source_width=12, width=len(whole) - 1) == f"{whole[:-2]}…"


def test_a_letter_that_is_not_ours_is_said_to_be_so() -> None:
    assert line(FOREIGN, NOW, source_width=5, width=None).split(maxsplit=4) == [
        "0@0",
        "?",
        "-",
        "-",
        "(not written by this service)",
    ]


def test_what_programs_get_commands_no_terminal_either() -> None:
    found = letter(outgoing(key="\x9b2J\u202eé".encode()))
    assert as_json(found, NOW).isascii()
    assert json.loads(as_json(found, NOW))["key"] == "\x9b2J\u202eé"


def test_programs_get_all_but_value_and_headers_as_an_object() -> None:
    found = letter(outgoing(41, b"x" * 9, headers=(("replay-count", b"2"),), omitted=True), 3, 17, NOW - 1500)

    assert json.loads(as_json(found, NOW)) == {
        "place": "3@17",
        "refused_at": "2026-09-21T14:13:18.500Z",
        "age_seconds": 1,
        "stage": "validate",
        "reason": "wrong_shape",
        "message": "record 41 is wrong",
        "source_topic": "in",
        "source_partition": 2,
        "source_offset": 41,
        "source_time": "2023-11-14T22:13:20.000Z",
        "model_name": "mlp",
        "model_version": "3",
        "replay_count": 2,
        "key": "k",
        "value_bytes": 9,
        "value_omitted": True,
    }
    assert json.loads(as_json(FOREIGN, NOW)) == {
        "place": "0@0",
        "refused_at": None,
        "age_seconds": None,
        "replay_count": 0,
        "key": {"b64": "/w=="},
        "value_bytes": 1,
        "value_omitted": False,
    }

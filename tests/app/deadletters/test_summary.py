import json

from aiokafka import TopicPartition

from app.deadletters.summary import Summary
from app.errors import Reason
from app.records import Outgoing
from tests.app.deadletters.letters import NOW, letter, outgoing


def summary() -> Summary:
    found = Summary()
    for minutes, reason in enumerate((Reason.BAD_ID, Reason.BAD_ID, Reason.EMPTY)):
        out = outgoing(reason=reason, source=TopicPartition("in", minutes % 2))
        found.add(letter(out, timestamp=NOW - minutes * 60_000))
    found.add(letter(Outgoing(None, None, []), timestamp=-1))
    return found


def test_letters_are_counted_by_reason_stage_and_source_the_most_frequent_first() -> None:
    assert [line.split() for line in summary().lines(NOW)] == [
        ["REASON", "LETTERS", "OLDEST", "NEWEST"],
        ["bad_id", "2", "1m", "0s"],
        ["-", "1", "?", "?"],
        ["empty", "1", "2m", "2m"],
        ["STAGE", "LETTERS", "OLDEST", "NEWEST"],
        ["validate", "2", "1m", "0s"],
        ["-", "1", "?", "?"],
        ["decode", "1", "2m", "2m"],
        ["SOURCE", "LETTERS", "OLDEST", "NEWEST"],
        ["in[0]", "2", "2m", "0s"],
        ["-", "1", "?", "?"],
        ["in[1]", "1", "1m", "1m"],
    ]
    assert summary().letters == 4


def test_programs_get_the_rows_as_objects() -> None:
    rows = [json.loads(line) for line in summary().json_lines()]

    assert len(rows) == 9
    assert rows[0] == {
        "reason": "bad_id",
        "letters": 2,
        "oldest": "2026-09-21T14:12:20.000Z",
        "newest": "2026-09-21T14:13:20.000Z",
    }
    assert rows[1] == {"reason": "-", "letters": 1, "oldest": None, "newest": None}

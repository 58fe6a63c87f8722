"""The newest rankings, and how much of them is read."""

import json
from typing import Any

from aiokafka import TopicPartition

from app.live.newest import Published
from app.live.rankings import BYTES_AT_ONCE, ENTRIES, MOST, Rankings
from app.live.reader import Reader
from tests.app.live.scene import ranking, standing

TP = TopicPartition("races", 3)


def published(offset: int, value: bytes | None, record: Any = None) -> Published:
    return Published(TP, offset, float(offset), json.dumps(record).encode(), value)


def rankings(*fields: str, shows: bool = True) -> Rankings:
    return Rankings(Reader(fields, member="id"), shows_records=shows, reads_records=bool(fields))


def test_the_newest_come_first_with_their_best_entries():
    kept = rankings()
    entries = [(f"c{place}", 1 / (place + 1)) for place in range(20)]
    kept.note([published(offset, ranking(f"r{offset}", entries)) for offset in range(100)])
    assert [each.id for each in kept.newest] == [f"r{offset}" for offset in range(99, 99 - MOST, -1)]
    newest = kept.newest[0]
    assert (newest.place, newest.at, newest.count, len(newest.entries)) == ("races[3]@99", 99.0, 20, ENTRIES)
    assert kept.standings == []


def test_without_leave_only_the_structure_is_told():
    kept = rankings("id", shows=False)
    record = {"id": "secret"}
    kept.note([published(0, ranking("secret", [("hush", 1.0)]), record)])
    kept.note([published(1, standing("secret", [("hush", 1.0, 1)]), record)])
    assert [(each.place, each.count) for each in kept.newest] == [("races[3]@1", 1), ("races[3]@0", 1)]
    assert kept.standings == []
    assert "secret" not in repr(kept.newest)
    assert "hush" not in repr(kept.newest)


def test_the_newest_are_read_as_far_as_the_bytes_go():
    kept = rankings()
    long = ranking("r", [("x" * (BYTES_AT_ONCE // 3), 1.0)])
    kept.note([published(offset, long) for offset in range(4)])
    assert [each.count for each in kept.newest] == [1, 1, None, None]


def test_fields_of_records_count_among_the_bytes_and_are_not_read_beyond():
    kept = rankings("position")
    value = ranking("r", [("a", 1.0)])
    kept.note([published(0, value, {"position": 1, "long": "x" * BYTES_AT_ONCE}), published(1, value, {"position": 2})])
    assert [each.fields for each in kept.newest] == [(2,), ()]


def test_groups_and_members_whose_names_begin_the_same_for_long_stay_apart():
    kept, long = rankings("position"), "x" * 100
    for offset in range(2):
        value = standing(f"{long}{offset}", [(f"{long}{member}", 1.0, None) for member in range(2)])
        records = [{"id": f"{long}{member}", "position": member} for member in range(2)]
        kept.note([published(offset, value, record) for record in records])
    assert len({each.group for each in kept.standings}) == 2
    assert [[entry.fields for entry in each.entries] for each in kept.standings] == [[(0,), (1,)]] * 2


def test_what_was_published_without_a_ranking_of_its_own_still_tells_of_its_member():
    kept = rankings("position")
    kept.note([published(0, standing("race", [("h1", 1.0, None)]), {"id": "h1", "position": 5})])
    assert kept.standings[0].entries[0].fields == (5,)
    kept.clear()
    assert kept.standings == kept.newest == []

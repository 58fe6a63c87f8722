"""What records make of the standings of a partition, in the order in which they are published."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import pytest

from app.errors import Expired, ReadAgain, Reason, RejectedRecord
from app.lane import Work
from app.outcome import SUPERSEDED, GroupOver, MemberScore, Outcome, Outcomes
from app.standings.restored import Restored
from app.standings.table import Rules, Table
from tests.app.chunks import run_of

RULES = Rules(every_record=True, ttl_seconds=100.0, top_k=0, min_score=None)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def scored(member: str, score: float, *, group: str = "g", order: float | None = None) -> MemberScore:
    return MemberScore(
        json.dumps(group).encode(), json.dumps(member).encode(), b"%r" % score, score, order, b'{"predictions":['
    )


def work(start: int, *outcomes: Outcome, overtaken: dict[int, list[int]] | None = None) -> Work:
    done: asyncio.Future[Outcomes] = asyncio.get_running_loop().create_future()
    done.set_result(Outcomes(outcomes, ()))
    return Work(run_of(start, len(outcomes)), done, lambda _: None, overtaken or {})  # type: ignore[arg-type]


def rankings(*works: Work) -> list[Any]:
    """What is published of each record: members with their change, or what the outcome is instead."""
    return [
        [(each["label"], each["change"]) for each in json.loads(outcome)["predictions"]]
        if isinstance(outcome, bytes)
        else outcome
        for each in works
        for outcome in each.outcomes.result()
    ]


def kept(records: Sequence[Any]) -> list[tuple[Any, Any]]:
    return [(json.loads(each.key), each.value and json.loads(each.value)) for each in records]


async def test_each_record_publishes_the_whole_ranking_and_the_newest_state_of_each_member_is_kept():
    table = Table(RULES)
    ready = work(5, scored("a", 1.0), scored("b", 2.0), scored("a", 3.0))
    state = table.settle([ready])
    assert rankings(ready) == [[("a", None)], [("b", None), ("a", -1)], [("a", 1), ("b", -1)]]
    assert kept(state) == [
        (["g", "a"], {"offset": 7, "first": 5, "score": 3.0}),
        (["g", "b"], {"offset": 6, "first": 6, "score": 2.0}),
    ]
    assert (table.groups, table.members) == (1, 2)


async def test_a_record_that_is_read_again_publishes_the_ranking_and_overwrites_nothing():
    table = Table(RULES)
    table.settle([work(5, scored("a", 1.0), scored("b", 2.0), scored("a", 3.0))])
    again = work(5, scored("a", 1.0))
    assert table.settle([again]) == []
    assert rankings(again) == [[("a", 0), ("b", 0)]]


async def test_of_a_batch_only_the_last_record_of_each_group_publishes_and_names_the_others():
    table = Table(Rules(every_record=False, ttl_seconds=100.0, top_k=0, min_score=None))
    first = work(0, scored("a", 1.0), scored("x", 1.0, group="h"), scored("b", 2.0))
    second = work(3, scored("c", 3.0), overtaken={3: [2]})
    table.settle([first, second])
    assert rankings(first, second) == [
        SUPERSEDED,
        [("x", None)],
        SUPERSEDED,
        [("c", None), ("b", None), ("a", None)],
    ]
    assert (first.overtaken, {offset: sorted(each) for offset, each in second.overtaken.items()}) == (
        {},
        {3: [0, 2, 2]},
    )


async def test_a_record_that_goes_back_in_time_is_refused_and_changes_nothing():
    table = Table(RULES)
    ready = work(0, scored("a", 1.0, order=3), scored("a", 9.0, order=2), scored("a", 2.0, order=3))
    table.settle([ready])
    _, refused, last = ready.outcomes.result()
    assert isinstance(refused, RejectedRecord)
    assert refused.reason is Reason.OUT_OF_ORDER
    assert 'is 2; the newest record of "a" has 3' in refused.message
    assert b"2.0" in last


async def test_a_tombstone_ends_its_group_and_the_next_record_begins_it_anew():
    table = Table(RULES)
    ready = work(0, scored("a", 1.0), scored("b", 2.0), GroupOver((b'"g"',)), scored("b", 1.0))
    state = table.settle([ready])
    assert rankings(ready)[3] == [("b", None)]
    assert kept(state) == [(["g", "a"], None), (["g", "b"], {"offset": 3, "first": 3, "score": 1.0})]
    assert table.members == 1


async def test_groups_leave_when_no_record_came_for_too_long_and_their_members_are_erased_with_the_next_records():
    clock = Clock()
    table = Table(RULES, clock=clock)
    table.settle([work(0, scored("a", 1.0), scored("x", 1.0, group="h"))])
    clock.now += 60
    table.settle([work(2, scored("x", 2.0, group="h"))])
    clock.now += 60
    table.sweep()
    assert (table.groups, table.members) == (1, 1)
    assert kept(table.settle([work(3, scored("y", 2.0, group="h"))]))[-1] == (["g", "a"], None)
    assert table.settle([work(4, RejectedRecord(Reason.EMPTY, "no value"))]) == []


async def test_ties_keep_the_order_of_appearance_also_of_records_that_were_left_out():
    table = Table(RULES)
    ready = work(1, scored("b", 1.0), scored("a", 1.0), overtaken={2: [0]})
    table.settle([ready])
    assert rankings(ready)[-1] == [("a", None), ("b", -1)]


async def test_a_group_that_comes_anew_has_none_of_the_members_that_timed_out_also_when_it_is_restored():
    clock, restored = Clock(), Restored(RULES)
    table = Table(RULES, clock=clock)
    state = table.settle([work(0, *(scored(f"m{n}", 1.0) for n in range(5)))])
    clock.now += 101
    again = work(5, scored("m3", 2.0))  # without a look at what has timed out in between
    state += table.settle([again])
    assert rankings(again) == [[("m3", None)]]
    for each in state:
        restored.take(each.key, each.value, int(time.time() * 1000))
    assert restored.table().members == table.members == 1


async def test_members_that_timed_out_are_erased_some_at_a_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("app.standings.table._ERASED_AT_ONCE", 4)
    clock = Clock()
    table = Table(RULES, clock=clock)
    table.settle([work(0, *(scored(f"m{n}", 1.0) for n in range(6)), scored("x", 1.0, group="h"))])
    clock.now += 101
    table.sweep()
    refused = RejectedRecord(Reason.EMPTY, "no value")
    erased = [table.settle([work(9 + turn, refused)]) for turn in range(4)]
    assert sorted(len(each) for each in erased)[-2:] == [3, 4]
    assert len({each.key for some in erased for each in some}) == 7


async def test_a_record_that_others_were_left_out_for_may_not_be_refused_unless_it_is_late():
    table = Table(RULES)
    table.settle([work(0, Expired(Reason.MAX_AGE, "late", skipped=False), overtaken={0: [1]})])
    table.settle([work(5, RejectedRecord(Reason.MODEL_ERROR, "stands for nobody"))])
    with pytest.raises(ReadAgain, match="offset 7 is refused: NaN") as raised:
        table.settle([work(7, RejectedRecord(Reason.NON_FINITE_SCORE, "NaN"), scored("a", 1.0), overtaken={7: [6]})])
    assert raised.value.end == 9


async def test_a_table_that_is_restored_goes_on_as_if_nothing_had_happened():
    table, restored = Table(RULES), Restored(RULES)
    for start in range(0, 30, 3):
        state = table.settle([work(start, *(scored(f"m{(start + n) % 7}", float(start * n % 5)) for n in range(3)))])
        for each in state:
            restored.take(each.key, each.value, int(time.time() * 1000))
    assert restored.newest == 29
    again = restored.table()
    one, other = work(30, scored("m1", 2.0), scored("new", 2.0)), work(30, scored("m1", 2.0), scored("new", 2.0))
    assert (table.settle([one]), rankings(one)) == (again.settle([other]), rankings(other))
    assert (table.groups, table.members) == (again.groups, again.members)


async def test_an_entry_of_an_earlier_offset_does_not_overwrite_a_later_one():
    table, restored = Table(RULES), Restored(RULES)
    states = [table.settle([work(offset, scored("a", float(offset)))])[0] for offset in range(3)]
    for offset in (0, 2, 1):  # the last one is of a worker that had lost the partition
        restored.take(states[offset].key, states[offset].value, 0)
    assert restored.newest == 2


async def test_standings_of_an_input_that_is_there_no_more_are_erased_before_new_ones_are_kept():
    restored = Restored(RULES)
    for each in Table(RULES).settle([work(50, scored("a", 1.0), scored("b", 1.0))]):
        restored.take(each.key, each.value, 0)
    table = restored.void()
    assert table.members == 0
    state = table.settle([work(0, scored("a", 5.0))])
    assert kept(state) == [
        (["g", "a"], None),
        (["g", "b"], None),
        (["g", "a"], {"offset": 0, "first": 0, "score": 5.0}),
    ]

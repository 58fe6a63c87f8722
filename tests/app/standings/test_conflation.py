"""Of what waits only the newest record of each member is worked on, and everything stays accounted for."""

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from app.codecs.member_reader import Glance, Peek
from app.kafka.chunk import Chunk
from app.standings import conflation
from app.standings.conflation import (
    LEAST_HOLD_SECONDS,
    MANY,
    MOST_HOLD_SECONDS,
    ROUNDS_AT_ONCE,
    Conflation,
    longest_hold_seconds,
)
from tests.app.chunks import TIMESTAMP, Received, chunk, record


class Reader:
    """Values are `[member, lap]`, or `[member, lap, "bad"]`."""

    def glance(self, records: Sequence[Received]) -> Glance:
        seen = [self._peek(each) for each in records]
        return Glance([each and each[:2] for each in seen], [each and each[2] for each in seen])

    def _peek(self, received: Received) -> Peek | None:
        try:
            member, lap, *_ = json.loads(received.value or b"")
        except ValueError:
            return None
        return "g", member, lap

    def takes(self, received: Received) -> bool:
        return len(json.loads(received.value or b"")) == 2


class Lane:
    """Where rounds go: they are confirmed when told to."""

    def __init__(self, **options: Any) -> None:
        self.rounds: list[tuple[Chunk, Any, dict[int, list[int]]]] = []
        self.acknowledged: list[int] = []
        self.room: list[int] = []
        self.conflation = Conflation(Reader, self.launch, self.leave_out, **options)

    def launch(self, merged: Chunk, acknowledge: Any, overtaken: dict[int, list[int]]) -> None:
        self.rounds.append((merged, acknowledge, overtaken))

    def leave_out(self, part: Chunk, kept: Sequence[Any]) -> None:
        self.room += sorted({each.offset for each in part} - {each.offset for each in kept})
        part[:] = kept

    def offer(self, start: int, *values: Any, waiting: int = 0) -> None:
        records = [
            record(start + place, None if value is None else json.dumps(value).encode(), key=b"g")
            for place, value in enumerate(values)
        ]
        part = chunk(*records)
        part.waiting = waiting
        self.conflation.offer(part, lambda part: self.acknowledged.append(part.start))

    def confirm(self) -> None:
        merged, acknowledge, _ = self.rounds.pop(0)
        acknowledge(merged)

    def seen(self) -> list[tuple[list[int], dict[int, list[int]]]]:
        return [
            ([each.offset for each in merged], {at: sorted(each) for at, each in overtaken.items()})
            for merged, _, overtaken in self.rounds
        ]


async def test_what_comes_while_little_waits_goes_on_at_once_and_the_newest_of_a_member_stands_for_the_others():
    lane = Lane()
    lane.offer(0, ["a", 1], ["b", 1], ["a", 2])
    assert lane.seen() == [([1, 2], {2: [0]})]
    assert lane.room == [0]


async def test_what_comes_while_two_rounds_are_in_the_works_waits_and_is_conflated_over_chunks():
    lane = Lane()
    for start in range(ROUNDS_AT_ONCE):
        lane.offer(start, ["a", 0])
    lane.offer(2, ["a", 1], ["b", 1])
    lane.offer(4, ["a", 2])
    lane.offer(5, ["a", 3], ["c", 1])
    assert len(lane.rounds) == ROUNDS_AT_ONCE
    lane.confirm()
    assert lane.seen()[-1] == ([3, 5, 6], {5: [2, 4]})
    merged = lane.rounds[-1][0]
    assert (merged.start, merged.end) == (2, 7)
    assert lane.acknowledged == [0]
    lane.confirm()
    lane.confirm()
    assert lane.acknowledged == [0, 1, 2, 4, 5]


async def test_while_more_waits_in_the_topic_it_is_held_for_that():
    lane = Lane()
    lane.offer(0, *[["a", lap] for lap in range(4)], waiting=MANY)
    assert lane.rounds == []
    lane.offer(4, *[["a", lap] for lap in range(4, 8)], waiting=MANY)
    assert lane.rounds == []
    lane.offer(8, ["b", 1])
    assert lane.seen() == [([7, 8], {7: [*range(7)]})]
    held = Lane(most_hold_seconds=0.0)
    held.offer(0, *[["a", 1]] * 4, waiting=MANY)
    assert held.rounds == []
    await asyncio.sleep(0.01)
    assert held.seen() == [([3], {3: [0, 1, 2]})]


async def test_it_is_not_held_where_that_spares_little_or_little_waits():
    lane = Lane()
    lane.offer(0, *[[f"m{place}", 1] for place in range(4)], waiting=MANY)
    lane.offer(4, *[["a", 1]] * 4, waiting=MANY - 1)
    assert lane.seen() == [([0, 1, 2, 3], {}), ([7], {7: [4, 5, 6]})]


async def test_a_chunk_of_which_only_the_position_moved_goes_on():
    lane = Lane()
    lane.conflation.offer(Chunk([], tp=TopicPartition("in", 0), start=5, end=7, nbytes=0, epoch=0), lambda _: None)
    ((merged, _, overtaken),) = lane.rounds
    assert (len(merged), merged.start, merged.end, overtaken) == (0, 5, 7, {})


async def test_it_is_not_held_where_nothing_more_is_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(conflation, "MOST_LEFT_OUT", 4)
    lane = Lane()
    lane.offer(0, *[["a", 1]] * 4, waiting=MANY)
    assert lane.rounds == []
    lane.offer(4, *[["a", 1]] * 4, waiting=MANY)
    assert lane.seen() == [([7], {7: [*range(7)]})]


async def test_no_more_than_so_many_are_left_out_and_the_others_go_on_taking_room(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(conflation, "MOST_LEFT_OUT", 3)
    lane = Lane()
    for _ in range(ROUNDS_AT_ONCE):
        lane.offer(0, ["b", 0])
    for start in (10, 20, 30):
        lane.offer(start, *[["a", 1]] * 3)
    lane.confirm()
    ((worked, stood),) = lane.seen()[1:]
    assert (worked, stood) == ([22, 30, 31, 32], {22: [10, 11, 12, 20, 21]})
    assert sorted(lane.room) == [10, 11, 12, 20, 21]


async def test_a_record_with_a_deadline_of_its_own_stands_for_nobody():
    lane = Lane()
    dated = record(1, b'["a", 2]', key=b"g", headers=(("deadline", b"1"),))
    lane.conflation.offer(chunk(record(0, b'["a", 1]'), dated, record(2, b'["a", 3]')), lambda _: None)
    assert lane.seen() == [([1, 2], {2: [0]})]


async def test_what_has_a_deadline_of_its_own_is_not_held():
    lane = Lane()
    dated = record(4, b'["a", 5]', key=b"g", headers=(("deadline", b"1"),))
    part = chunk(*[record(lap, b'["a", 1]') for lap in range(4)], dated)
    part.waiting = MANY
    lane.conflation.offer(part, lambda _: None)
    assert lane.seen() == [([3, 4], {3: [0, 1, 2]})]


async def test_a_record_that_cannot_be_scored_takes_nobodys_place():
    lane = Lane()
    lane.offer(0, ["a", 1], ["a", 2, "bad"], "no JSON that we know", ["a", 3, "bad"])
    lane.conflation.flush()
    assert lane.seen() == [([0, 1, 2, 3], {})]
    lane.offer(4, ["a", 1], ["a", 2], ["a", 3, "bad"])
    assert lane.seen()[1] == ([5, 6], {5: [4]})


async def test_a_record_that_cannot_be_scored_is_overtaken_all_the_same():
    lane = Lane()
    for start in range(ROUNDS_AT_ONCE):
        lane.offer(start, ["b", 1])
    lane.offer(2, ["a", 1, "bad"])
    lane.offer(3, ["a", 2])
    lane.confirm()
    assert lane.seen()[-1] == ([3], {3: [2]})


async def test_a_record_that_goes_back_in_time_takes_nobodys_place_either():
    lane = Lane()
    lane.offer(0, ["a", 5], ["a", 4], ["a", 6])
    assert lane.seen() == [([1, 2], {2: [0]})]


async def test_what_comes_after_a_tombstone_stands_for_nothing_before_it():
    lane = Lane()
    lane.offer(0, ["a", 1], ["a", 2], None)
    assert lane.seen() == [([1, 2], {1: [0]})]
    other = Lane()
    other.offer(0, ["a", 1], None, ["a", 2])
    assert other.seen() == [([0, 1, 2], {})]


async def test_up_to_where_it_was_told_nothing_is_left_out():
    lane = Lane(whole_until=3)
    lane.offer(0, ["a", 1], ["a", 2])
    lane.offer(2, ["a", 3], ["a", 4])
    lane.offer(4, ["a", 5], ["a", 6])
    assert lane.seen() == [([0, 1], {}), ([2, 3], {}), ([5], {5: [4]})]


@pytest.mark.parametrize(
    ("age_ms", "seconds"),
    [(0, LEAST_HOLD_SECONDS), (-60_000, LEAST_HOLD_SECONDS), (10_000, 1.0), (60_000, MOST_HOLD_SECONDS)],
)
def test_it_is_held_longer_while_the_worker_is_far_behind(age_ms: int, seconds: float):
    assert longest_hold_seconds(TIMESTAMP, TIMESTAMP + age_ms, most=MOST_HOLD_SECONDS) == pytest.approx(seconds)
    assert longest_hold_seconds(TIMESTAMP, TIMESTAMP + age_ms, most=LEAST_HOLD_SECONDS) == LEAST_HOLD_SECONDS
    assert longest_hold_seconds(-1, TIMESTAMP, most=MOST_HOLD_SECONDS) == LEAST_HOLD_SECONDS


async def test_what_is_held_goes_on_when_told_to():
    lane = Lane()
    lane.conflation.go_on()
    lane.offer(0, *[["a", lap] for lap in range(4)], waiting=MANY)
    assert lane.rounds == []
    lane.conflation.go_on()
    assert lane.seen() == [([3], {3: [0, 1, 2]})]


async def test_what_was_held_long_enough_is_not_held_again():
    lane = Lane(most_hold_seconds=0.0)
    for start in range(ROUNDS_AT_ONCE):
        lane.offer(start, ["b", 1])
    lane.offer(2, *[["a", 1]] * 4, waiting=MANY)
    await asyncio.sleep(0.01)
    lane.offer(6, *[["a", 1]] * 4, waiting=MANY)
    lane.confirm()
    assert lane.seen()[-1] == ([9], {9: [*range(2, 9)]})


async def test_what_waits_goes_on_when_nothing_more_comes_and_nothing_does_after_the_end():
    lane = Lane(most_hold_seconds=0.0)
    lane.offer(0, *[["a", 1]] * 4, waiting=MANY)
    lane.conflation.flush()
    assert len(lane.rounds) == 1
    lane.offer(4, *[["a", 1]] * 4, waiting=MANY)
    lane.conflation.close()
    lane.conflation.flush()
    lane.confirm()
    await asyncio.sleep(0.05)
    assert lane.rounds == []


@given(st.integers(0, 2**32 - 1))
def test_every_offset_is_worked_on_or_stood_for_once_and_the_newest_of_each_member_is_worked_on(seed: int):
    async def run() -> None:
        rng = random.Random(seed)
        lane, offset, newest = Lane(), 0, {}
        worked: list[int] = []
        stood: list[int] = []

        def confirm() -> None:
            merged, _, overtaken = lane.rounds[0]
            worked.extend(each.offset for each in merged)
            stood.extend(each for some in overtaken.values() for each in some)
            assert set(overtaken) <= {each.offset for each in merged}
            lane.confirm()

        for _ in range(rng.randrange(1, 12)):
            values = [
                None
                if rng.random() < 0.1
                else [rng.choice("abc"), rng.randrange(4), *(["bad"] if rng.random() < 0.2 else [])]
                for _ in range(rng.randrange(1, 5))
            ]
            for place, value in enumerate(values):
                if value is None:
                    newest.clear()
                    continue
                member, lap, *bad = value
                if bad:
                    continue
                if member not in newest or lap >= newest[member][0]:
                    newest[member] = (lap, offset + place)
            lane.offer(offset, *values, waiting=rng.choice([0, MANY]))
            offset += len(values)
            while lane.rounds and rng.random() < 0.4:
                confirm()
        lane.conflation.flush()
        while lane.rounds:
            confirm()
            lane.conflation.flush()
        assert sorted(worked + stood) == [*range(offset)]
        assert worked == sorted(worked)
        assert {last for _, last in newest.values()} <= set(worked)
        assert sorted(stood) == sorted(lane.room)

    asyncio.run(run())

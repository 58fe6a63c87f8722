from typing import Any

import pytest
from aiokafka import TopicPartition

from app.deadletters.letter import Letter
from app.deadletters.place import Place
from app.deadletters.selection import Selection
from app.errors import Reason
from app.kafka.reader import Span
from app.records import Outgoing
from tests.app.deadletters.letters import NOW, letter, outgoing

FOUND = letter(outgoing(41, reason=Reason.WRONG_SHAPE, source=TopicPartition("in", 2)), 1, 17)
FOREIGN = letter(Outgoing(None, b"", []), 1, 17)

MATCHING: list[dict[str, Any]] = [
    {},
    {"reasons": {"wrong_shape"}},
    {"reasons": {"bad_id", "wrong_shape"}},
    {"stages": {"validate"}},
    {"source_topics": {"in"}},
    {"source_partitions": {2}},
    {"source_offsets": {40, 41}},
    {"places": {Place(1, 17)}},
    {"since": NOW},
    {"until": NOW + 1},
    {"since": NOW, "until": NOW + 1, "reasons": {"wrong_shape"}, "source_partitions": {2}},
]
OTHERS: list[dict[str, Any]] = [
    {"reasons": {"bad_id"}},
    {"stages": {"decode"}},
    {"source_topics": {"out"}},
    {"source_partitions": {1}},
    {"source_offsets": {17}},
    {"places": {Place(17, 1)}},
    {"since": NOW + 1},
    {"until": NOW},
    {"reasons": {"wrong_shape"}, "source_partitions": {1}},
]


def selection(conditions: dict[str, Any]) -> Selection:
    return Selection(**{name: frozenset(each) if isinstance(each, set) else each for name, each in conditions.items()})


@pytest.mark.parametrize("conditions", MATCHING)
def test_a_letter_is_taken_when_every_condition_is_met(conditions: dict[str, Any]) -> None:
    assert selection(conditions).takes(FOUND)


@pytest.mark.parametrize("conditions", OTHERS)
def test_a_letter_is_left_when_one_condition_is_not_met(conditions: dict[str, Any]) -> None:
    assert not selection(conditions).takes(FOUND)


@pytest.mark.parametrize("conditions", [*MATCHING, *OTHERS])
def test_of_a_letter_that_is_not_ours_only_place_and_time_are_known(conditions: dict[str, Any]) -> None:
    by_verdict = {"reasons", "stages", "source_topics", "source_partitions", "source_offsets"} & conditions.keys()
    assert selection(conditions).takes(FOREIGN) == (not by_verdict and conditions in MATCHING)


def test_a_letter_without_a_time_meets_no_condition_on_it() -> None:
    timeless: Letter = letter(timestamp=-1)
    assert Selection().takes(timeless)
    assert not Selection(since=0).takes(timeless)
    assert not Selection(until=NOW).takes(timeless)


def test_a_letter_is_asked_for_by_its_reason_or_its_place_alone() -> None:
    assert Selection(reasons=frozenset({"wrong_shape"})).asks_for(FOUND)
    assert Selection(places=frozenset({Place(1, 17)})).asks_for(FOUND)
    assert not Selection(stages=frozenset({"validate"}), since=0).asks_for(FOUND)
    assert not Selection().asks_for(FOREIGN)


def test_only_what_can_hold_the_places_has_to_be_read() -> None:
    spans = {0: Span(5, 100), 1: Span(0, 10), 2: Span(0, 10)}
    assert Selection(since=3).narrow(spans) == spans
    places = frozenset({Place(0, 3), Place(0, 40), Place(1, 30), Place(9, 1)})
    narrowed = Selection(places=places).narrow(spans)
    assert narrowed[0] == Span(5, 41)
    assert narrowed[1].size == 0
    assert narrowed.keys() == {0, 1}


def test_the_digest_is_that_of_the_conditions_as_they_are_spelled() -> None:
    one = Selection(spelled=("since=2h", "reason=bad_id"), since=NOW)
    assert one.digest() == Selection(spelled=("reason=bad_id", "since=2h", "since=2h"), since=NOW + 9).digest()
    assert len({one.digest(), one.digest("to=out"), Selection(spelled=("since=3h",)).digest()}) == 3
    assert Selection().digest() is None
    assert Selection().digest("to=out") is not None

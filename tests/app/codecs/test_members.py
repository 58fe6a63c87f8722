"""Records about members of groups: whose rows they are, what is refused, and that both ways of reading agree."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.codecs.member_fields import MemberFields
from app.codecs.members import HeadWriter, MemberDecoder
from app.errors import Reason, RejectedRecord, StartFailed
from app.outcome import GroupOver
from models.signature import Signature, TensorSpec
from tests.app.chunks import record

SIGNATURE = Signature("serving_default", (TensorSpec("speed", "float32", ()), TensorSpec("lap", "int32", ())))


def fields(**options: Any) -> MemberFields:
    given = {"fields": {}, "id_field": "id", "group_field": "group", "member_field": "member", "order_field": "lap"}
    return MemberFields.of(SIGNATURE, **(given | options))


def decoder(**options: Any) -> MemberDecoder:
    return MemberDecoder(SIGNATURE, fields(**options), max_bytes=1000)


def value(**changes: Any) -> bytes:
    whole = {"id": "r", "group": "race-7", "member": "h1", "speed": 1.5, "lap": 3} | changes
    return json.dumps({name: each for name, each in whole.items() if each is not ...}).encode()


def refused(text: bytes | None, **options: Any) -> RejectedRecord:
    decoded = decoder(**options).decode([record(4, text)], "in-0")
    ((place, why),) = decoded.rejected
    assert (place, decoded.groups) == (0, ())
    return why


def test_a_record_says_whose_row_it_brings():
    decoded = decoder().decode([record(4, value()), record(5, value(group=7, member="ü", id=..., lap=4))], "in-0")
    (group,) = decoded.groups
    assert (group.ids, group.columns["speed"].tolist()) == (["r", "in-0-5"], [1.5, 1.5])
    assert decoded.members.groups == [b'"race-7"', b"7"]
    assert decoded.members.members == [b'"h1"', '"ü"'.encode()]
    assert decoded.members.orders == (3, 4)
    assert decoded.index == {0: 0, 1: 1}


def test_without_a_field_for_the_order_there_is_none():
    assert decoder(order_field=None).decode([record(4, value())], "in-0").members.orders == (None,)


def test_an_order_of_its_own_stays_exact():
    lap = 2**53 + 1
    for order in (lap, -lap, 0.5, 1e300):
        (found,) = decoder(order_field="clock").decode([record(4, value(clock=order))], "in-0").members.orders
        assert found == order


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"group": ...}, Reason.MISSING_FIELD, "group: missing; RANK_BY=standings needs it"),
        ({"member": ...}, Reason.MISSING_FIELD, "member: missing"),
        ({"member": None}, Reason.WRONG_TYPE, "member: null; expected text of at most 1024 bytes"),
        ({"group": 1.5}, Reason.WRONG_TYPE, "group: 1.5; expected text"),
        ({"group": ["g"]}, Reason.WRONG_TYPE, "group: a list of 1"),
        ({"member": "m" * 2000}, Reason.TOO_LARGE, "RECORD_MAX_BYTES"),
        ({"clock": ...}, Reason.MISSING_FIELD, "clock: missing"),
        ({"clock": "3"}, Reason.WRONG_TYPE, 'clock: "3"; expected a number'),
        ({"clock": True}, Reason.WRONG_TYPE, "clock: true; expected a number"),
        ({"clock": 2**63}, Reason.OUT_OF_RANGE, "expected a 64-bit integer or a double"),
        ({"speed": "fast"}, Reason.WRONG_TYPE, "speed"),
    ],
)
def test_what_names_nobody_is_refused(changes: dict[str, Any], reason: Reason, words: str):
    why = refused(value(**({"clock": 1} | changes)), order_field="clock")
    assert why.reason is reason
    assert words in why.message


def test_an_order_beyond_a_double_is_refused():
    assert refused(value(clock=1)[:-2] + b"1e400}", order_field="clock").reason is Reason.OUT_OF_RANGE


def test_a_tombstone_ends_the_group_that_its_key_names_as_text_or_as_a_number():
    over = decoder().decode(
        [record(1, None, key=b"race-7"), record(2, None, key=b"-7"), record(3, None, key=b"\xff")], ""
    )
    assert over.over == {0: GroupOver((b'"race-7"',)), 1: GroupOver((b'"-7"', b"-7")), 2: GroupOver(())}
    assert (over.rejected, over.groups) == ((), ())
    assert refused(None).reason is Reason.EMPTY


def test_inputs_may_be_names_too():
    signature = Signature("serving_default", (TensorSpec("member", "string", ()), TensorSpec("lap", "float32", ())))
    given = {"fields": {}, "id_field": "member", "group_field": "group", "member_field": "member"}
    reader = MemberDecoder(signature, MemberFields.of(signature, **given, order_field="lap"), max_bytes=1000)
    decoded = reader.decode([record(4, value(lap=2)), record(5, value(member=None))], "in-0")
    assert decoded.groups[0].columns["member"].tolist() == [b"h1"]
    assert decoded.members.orders == (2,)
    assert [place for place, _ in decoded.rejected] == [1]


ODD = st.sampled_from(["x", "", "é", "x" * 300, 0, -5, 2**63 - 1, 2**63, 1.0, 1.5, 1e300, None, True, [], {}, ...])


def glanced(reader: MemberDecoder, records: list[Any]) -> list[Any]:
    """Whose each is, with its place in time, or None."""
    whose, orders = reader.glance(records)
    assert orders is not None
    return [None if one is None else (one, order) for one, order in zip(whose, orders, strict=True)]


@given(ODD, ODD, ODD, ODD)
def test_a_glance_says_what_the_whole_look_says_or_nothing(group: Any, member: Any, clock: Any, name: Any):
    reader = decoder(order_field="clock")
    text = value(group=group, member=member, clock=clock, id=name)
    decoded = reader.decode([record(4, text)], "in-0")
    seen = glanced(reader, [record(4, text)])[0]
    assert reader.takes(record(4, text)) is bool(decoded.groups)
    if seen is not None and decoded.groups:
        members = decoded.members
        assert [json.dumps(each) for each in seen[0]] == [
            json.dumps(json.loads(each)) for each in (members.groups[0], members.members[0])
        ]
        assert seen[1] == members.orders[0]
    if decoded.groups and all(isinstance(each, str | int) and len(str(each)) < 200 for each in (group, member)):
        assert seen is not None or name is not ...


def test_a_glance_at_nothing_sees_nothing():
    assert decoder().glance([]) == ([], [])
    assert decoder(order_field=None).glance([]) == ([], None)


def test_a_glance_at_a_field_that_says_two_things_asks_for_both():
    reader = decoder(order_field="id")
    seen = glanced(reader, [record(0, value(id=5)), record(1, value(id="r")), record(2, value(id=None))])
    assert seen == [(("race-7", "h1"), 5), None, None]


@given(st.lists(ODD, max_size=20), st.integers(0, 300))
def test_a_glance_at_many_is_one_at_each(odd: list[Any], plain: int):
    reader = decoder(order_field="clock")
    clocks = [*range(plain), *odd]
    records = [record(place, value(clock=clock)) for place, clock in enumerate(clocks)]
    records.insert(len(records) // 2, record(99, None))
    assert glanced(reader, records) == [seen for each in records for seen in glanced(reader, [each])]
    untimed = decoder(order_field=None)
    assert untimed.glance(records) == ([seen for each in records for seen in untimed.glance([each]).whose], None)


def test_paths_that_lie_in_each_other_or_are_empty_are_told():
    with pytest.raises(StartFailed, match=r"STANDINGS_MEMBER_FIELD: 'speed\.x' lies inside 'speed'"):
        fields(member_field="speed.x")
    with pytest.raises(StartFailed, match=r"STANDINGS_ORDER_FIELD: the path 'a\.\.b' has an empty part"):
        fields(order_field="a..b")


def test_the_beginning_of_a_value_has_the_group():
    writer = HeadWriter(model="m%", version="3")
    (head, bad) = writer.heads(["r", "\ud800"], [b'"g"', b'"g"'])
    assert head == b'{"id":"r","model":"m%","model_version":"3","group":"g","predictions":['
    assert isinstance(bad, RejectedRecord)
    assert bad.reason is Reason.NOT_ENCODABLE

"""Records with candidates: rows that are right, and refusals in words."""

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

import app.codecs.candidates
from app.codecs.candidates import Bounds, CandidateDecoder, DecodedLists, portions
from app.codecs.columns import Column
from app.codecs.exact_lists import ExactListReader
from app.codecs.fast_lists import Entries, merged
from app.codecs.json import JsonDecoder
from app.codecs.list_fields import ListFields
from app.errors import Reason, RejectedRecord, StartFailed
from models.signature import Signature, TensorSpec
from tests.app.codecs.documents import documents, signatures
from tests.app.codecs.records import ORIGIN, Record, assert_same

MAX_BYTES = 20_000
BOUNDS = Bounds(MAX_BYTES, candidates=1000, batch_rows=512, batch_bytes=1 << 26)
HORSES = Signature(
    "serving_default",
    (TensorSpec("speed", "float32", ()), TensorSpec("form", "float32", (2,)), TensorSpec("going", "int32", ())),
)


def decoder(signature: Signature = HORSES, *, drop: bool = False, **paths: Any) -> CandidateDecoder:
    usual = {"fields": {}, "id_field": "id", "candidates_field": "candidates", "candidate_id_field": "id"}
    return CandidateDecoder(signature, **(usual | paths), bounds=BOUNDS, drop=drop)


def decode(document: Any, **options: Any) -> DecodedLists:
    value = document if isinstance(document, bytes) else json.dumps(document).encode()
    return decoder(**options).decode([Record(value)], ORIGIN)


def rows(decoded: DecodedLists) -> dict[int, dict[str, Any]]:
    """Each candidate's inputs, by its place."""
    found = {}
    for group in decoded.groups:
        assert group.ids == [decoded.ids[place] for place in group.positions]
        for row, place in enumerate(group.positions):
            assert place not in found
            found[place] = {name: column[row].tolist() for name, column in group.columns.items()}
    return found


def horse(name: Any, speed: Any = 17.5, **more: Any) -> dict[str, Any]:
    return {"id": name, "speed": speed, "form": [1, 2], **more}


def test_each_candidate_is_a_row_and_what_is_outside_the_list_is_for_all() -> None:
    decoded = decode({"id": "race-7", "going": 3, "candidates": [horse("a"), horse(8, 16, going=5), {**horse("c")}]})
    assert decoded.rejected == ()
    assert decoded.ids == ["a", 8, "c"]
    ((place, listed),) = decoded.lists.items()
    assert (place, listed.id, listed.start, listed.stop, listed.dropped) == (0, "race-7", 0, 3, 0)
    assert rows(decoded) == {
        0: {"speed": 17.5, "form": [1, 2], "going": 3},
        1: {"speed": 16, "form": [1, 2], "going": 5},
        2: {"speed": 17.5, "form": [1, 2], "going": 3},
    }


def test_a_candidate_without_an_id_is_called_by_its_place() -> None:
    nobody = {"speed": 1, "form": [0, 0], "going": 1}
    assert decode({"candidates": [nobody, {**nobody, "id": None}, {**nobody, "id": "x"}]}).ids == ["0", "1", "x"]


def test_an_empty_list_has_no_rows_and_is_no_fault() -> None:
    decoded = decode({"id": 1, "candidates": []})
    assert (decoded.groups, decoded.rejected, decoded.lists[0].stop) == ((), (), 0)


def test_paths_lead_into_the_candidate_or_else_into_the_record() -> None:
    document = {
        "meta": {"name": "r", "going": 4},
        "race": {
            "runners": [{"who": {"tag": "a"}, "now": {"v": 1}}, {"who": {"tag": "b"}, "now": {"v": 2}, "meta": {}}]
        },
        "form": [3, 4],
    }
    decoded = decode(
        document,
        fields={"speed": "now.v", "going": "meta.going"},
        id_field="meta.name",
        candidates_field="race.runners",
        candidate_id_field="who.tag",
    )
    assert (decoded.rejected, decoded.ids, decoded.lists[0].id) == ((), ["a", "b"], "r")
    assert rows(decoded) == {place: {"speed": place + 1, "form": [3, 4], "going": 4} for place in (0, 1)}


@pytest.mark.parametrize(
    ("document", "reason", "message"),
    [
        ({}, Reason.MISSING_FIELD, "candidates: missing; it lists the candidates"),
        ({"candidates": None}, Reason.WRONG_TYPE, "candidates: null; expected a list of objects"),
        ({"candidates": {}}, Reason.WRONG_TYPE, "candidates: an object; expected a list of objects"),
        ({"candidates": [3]}, Reason.WRONG_TYPE, "candidates[0]: 3; expected an object"),
        (
            {"going": 1, "candidates": [horse("a"), horse("b", "fast")]},
            Reason.WRONG_TYPE,
            'candidates[1]: speed: "fast"; expected a number (float32)',
        ),
        (
            {"candidates": [horse("a")]},
            Reason.MISSING_FIELD,
            "candidates[0]: going: missing; the input 'going' needs it",
        ),
        (
            {"going": 1, "candidates": [horse("a", going=None)]},
            Reason.WRONG_TYPE,
            "candidates[0]: going: null; expected a whole number (int32)",
        ),
        ({"going": "x", "candidates": [horse("a")]}, Reason.WRONG_TYPE, 'going: "x"; expected a whole number (int32)'),
        (
            {"going": 1, "candidates": [horse("a"), horse("b"), horse("a")]},
            Reason.DUPLICATE_CANDIDATE,
            'candidates: two candidates have the id "a"',
        ),
        (
            {"going": 1, "candidates": [horse("1"), {"speed": 1, "form": [1, 2]}]},
            Reason.DUPLICATE_CANDIDATE,
            'candidates: two candidates have the id "1"',
        ),
        (
            {"going": 1, "candidates": [horse([])]},
            Reason.BAD_ID,
            "candidates[0]: id: a list of 0; expected text of at most 1024 bytes, or a 64-bit integer",
        ),
        ({"going": 1, "id": {}, "candidates": []}, Reason.BAD_ID, "id: an object; expected text"),
        ([], Reason.NOT_AN_OBJECT, "the value is a list of 0; expected an object"),
        (b"{", Reason.INVALID_JSON, "no JSON: "),
        (b"", Reason.EMPTY, "the value has 0 bytes"),
        (b'"' + b"x" * MAX_BYTES, Reason.TOO_LARGE, f"the value has {MAX_BYTES + 1} bytes"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(document: Any, reason: Reason, message: str) -> None:
    decoded = decode(document)
    ((place, rejection),) = decoded.rejected
    assert (place, rejection.reason, rejection.message[: len(message)]) == (0, reason, message)
    assert (decoded.groups, decoded.lists, list(decoded.ids)) == ((), {}, [])


def test_a_shared_input_that_nobody_needs_may_be_wrong() -> None:
    decoded = decode({"going": "x", "candidates": [horse("a", going=1), horse("b", going=2)]})
    assert [row["going"] for row in rows(decoded).values()] == [1, 2]


def test_bad_candidates_may_be_dropped_but_not_all_and_no_twins() -> None:
    bad = [horse("b", "fast"), 7, horse([]), horse("c", going=None)]
    decoded = decode({"id": "r", "going": 1, "candidates": [horse("a"), *bad, horse("d")]}, drop=True)
    assert (decoded.ids, decoded.lists[0].dropped) == (["a", "d"], 4)
    ((_, rejection),) = decode({"going": 1, "candidates": bad}, drop=True).rejected
    assert rejection.message.startswith('candidates[0]: speed: "fast"')
    ((_, rejection),) = decode({"going": 1, "candidates": [horse("a"), 7, horse("a")]}, drop=True).rejected
    assert rejection.reason == Reason.DUPLICATE_CANDIDATE


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ({"candidates_field": "id"}, "CANDIDATES_FIELD: 'id' and 'id' are in each other's way"),
        ({"candidates_field": "speed"}, "CANDIDATES_FIELD: 'speed' and 'speed' are in each other's way"),
        ({"candidates_field": "going.list"}, "CANDIDATES_FIELD: 'going.list' and 'going' are in each other's way"),
        ({"candidates_field": "a..b"}, "CANDIDATES_FIELD: the path 'a..b' has an empty part"),
        ({"candidate_id_field": "speed.id"}, "INPUT_FIELDS, CANDIDATE_ID_FIELD: 'speed.id' lies inside 'speed'"),
        ({"id_field": "."}, "RECORD_ID_FIELD: the path '.' has an empty part"),
        ({"fields": {"pace": "speed"}}, "INPUT_FIELDS: 'pace' is no input of the signature"),
    ],
)
def test_paths_that_cannot_be_meant_stop_the_start(paths: Mapping[str, Any], message: str) -> None:
    with pytest.raises(StartFailed) as caught:
        decoder(**paths)
    assert message in str(caught.value)


def test_what_candidates_share_is_not_copied_for_each_of_them() -> None:
    signature = Signature("s", (TensorSpec("x", "int32", ()), TensorSpec("field", "float64", (1000,))))
    record = {"field": [0.5] * 1000, "candidates": [{"x": place} for place in range(300)]}
    record["candidates"][7]["field"] = [1.5] * 1000
    decoded = decode(record, signature=signature)
    assert decoded.rejected == ()
    assert sum(group.nbytes for group in decoded.groups) < 2 * 1000 * 8 + 300 * 4 + 100
    found = rows(decoded)
    assert [found[place]["x"] for place in range(300)] == list(range(300))
    assert all(found[place]["field"] == [1.5 if place == 7 else 0.5] * 1000 for place in range(300))


def test_it_is_there_once_however_different_the_candidates_are() -> None:
    names = [f"x{number}" for number in range(8)]
    inputs = [TensorSpec(name, "int32", ()) for name in names]
    signature = Signature("s", (*inputs, TensorSpec("field", "float64", (1000,))))
    record = dict.fromkeys(names, 1) | {"field": [0.5] * 1000}
    record["candidates"] = [{name: 2 for bit, name in enumerate(names) if place >> bit & 1} for place in range(256)]
    decoded = decode(record, signature=signature)
    assert len(decoded.groups) == 256
    assert sum(group.nbytes for group in decoded.groups) < 1000 * 8 + 256 * 8 * 4 + 100
    found = rows(decoded)
    assert all(found[place]["x3"] == 1 + (place >> 3 & 1) for place in range(256))


def test_what_would_take_too_much_in_one_batch_is_refused() -> None:
    signature = Signature("s", (TensorSpec("x", "int32", ()), TensorSpec("field", "float64", (1000,))))
    record = {"field": [0.5] * 1000, "candidates": [{"x": place} for place in range(300)]}
    bounds = Bounds(MAX_BYTES, candidates=1000, batch_rows=200, batch_bytes=1_000_000)
    paths = {"fields": {}, "id_field": "id", "candidates_field": "candidates", "candidate_id_field": "id"}
    heavy = CandidateDecoder(signature, **paths, bounds=bounds, drop=False)  # type: ignore[arg-type]
    ((_, rejection),) = heavy.decode([Record(json.dumps(record).encode())], ORIGIN).rejected
    assert rejection.reason == Reason.TOO_LARGE
    assert rejection.message == (
        "what 300 candidates share takes 1600000 bytes in a batch of 200 rows; IN_FLIGHT_MAX_BYTES allows 1000000: "
        "raise it, or lower BATCH_MAX_SIZE"
    )


def test_a_list_that_is_longer_than_may_be_in_flight_is_refused() -> None:
    ((_, rejection),) = decode({"going": 1, "speed": 1, "form": [1, 2], "candidates": [{}] * 1001}).rejected
    assert (rejection.reason, rejection.message) == (
        Reason.TOO_LARGE,
        "a list of 1001 candidates; IN_FLIGHT_MAX_RECORDS allows 1000",
    )


def test_records_are_taken_as_far_as_their_rows_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.codecs.candidates, "PORTION_BYTES", 20_000)
    values = [
        json.dumps({"id": place, "going": 1, "candidates": [horse("a")] + [horse(n) for n in range(30)]})
        for place in range(7)
    ]
    records = [Record(value.encode()) for value in [*values, "no JSON", *values[:2]]]
    found = list(portions(decoder(), records, ORIGIN))
    assert len(found) > 2
    assert [record for some, _ in found for record in some] == records
    for some, decoded in found:
        assert decoded.taken == len(some)
        assert sorted([*decoded.lists, *dict(decoded.rejected)]) == list(range(len(some)))
    assert [each.id for _, decoded in found for each in decoded.lists.values()] == [0, 1, 2, 3, 4, 5, 6, 0, 1]


def test_with_drop_a_bad_shared_field_is_the_fault_of_those_who_need_it() -> None:
    document = {"going": "x", "candidates": [horse("a", going=1), horse("b"), 5]}
    decoded = decode(document, drop=True)
    assert (decoded.ids, decoded.lists[0].dropped) == (["a"], 2)
    ((_, rejection),) = decode(document).rejected
    assert rejection.message == 'going: "x"; expected a whole number (int32)'


# -- whatever comes


@st.composite
def lists(draw: st.DrawFn) -> tuple[Signature, list[bytes]]:
    """Records whose fields and candidates lie around what a signature asks for."""
    signature = draw(signatures())
    values = []
    for _ in range(draw(st.integers(1, 3))):
        outside = draw(documents(signature)).decode(errors="surrogateescape").strip()
        inside = [draw(documents(signature)).decode(errors="surrogateescape") for _ in range(draw(st.integers(0, 3)))]
        body = outside.removeprefix("{").removesuffix("}").strip().strip(",")
        value = "{" + (body + "," if body else "") + '"candidates":[' + ",".join(inside) + "]}"
        values.append(value.encode(errors="surrogateescape"))
    return signature, values


@settings(max_examples=300, deadline=None, print_blob=True)
@given(lists(), st.booleans(), st.booleans())
def test_whatever_the_records_the_decoder_says_what_the_exact_way_alone_says(
    chunk: tuple[Signature, list[bytes]], drop: bool, apart: bool
) -> None:
    signature, values = chunk
    columns = [Column.of(spec) for spec in signature.inputs]
    paths = {"id_field": "id", "candidates_field": "candidates", "candidate_id_field": "id"}
    exact = ExactListReader(columns, ListFields.of(signature, fields={}, **paths), MAX_BYTES, drop=drop)
    before = app.codecs.candidates._HEAVY_BYTES
    try:
        app.codecs.candidates._HEAVY_BYTES = 0 if apart else before
        decoded = decoder(signature, drop=drop).decode([Record(value, key=b"key") for value in values], ORIGIN)
    finally:
        app.codecs.candidates._HEAVY_BYTES = before
    rejected = dict(decoded.rejected)
    assert sorted([*rejected, *decoded.lists]) == list(range(len(values)))
    cells = {place: (group, row) for group in decoded.groups for row, place in enumerate(group.positions)}
    assert sorted(cells) == list(range(len(decoded.ids)))
    for place, value in enumerate(values):
        verdict = said_of(exact, value)
        if isinstance(verdict, RejectedRecord):
            event(f"refused: {verdict.reason}")
            assert (rejected[place].reason, rejected[place].message) == (verdict.reason, verdict.message)
            continue
        entries, dropped = verdict
        event("taken, with candidates" if entries.ids else "taken")
        listed = decoded.lists[place]
        assert (listed.id, listed.dropped) == ("key" if entries.id is None else entries.id, dropped)
        assert decoded.ids[listed.start : listed.stop] == entries.ids
        for number, row in zip(range(listed.start, listed.stop), merged(entries), strict=True):
            group, here = cells[number]
            for column, cell in zip(columns, row[1:], strict=True):
                assert_same(group.columns[column.name][here], column.stack([cell])[0][0])


def said_of(exact: ExactListReader, value: bytes) -> tuple[Entries, int] | RejectedRecord:
    try:
        return exact.entries(value)
    except RejectedRecord as rejection:
        return rejection


def test_the_rows_are_those_of_records_of_which_each_has_one_candidate() -> None:
    random = Random(4)
    print("seed: 4")
    fields = ("speed", "form", "going")

    def value(field: str) -> Any:
        made = {"speed": random.uniform(0, 20), "form": [random.random(), 1], "going": random.randrange(9)}
        return made[field]

    def some(fields: Sequence[str]) -> dict[str, Any]:
        return {field: value(field) for field in fields}

    for _ in range(300):
        shared = random.sample(fields, random.randrange(4))
        record = some(shared)
        needed = [field for field in fields if field not in shared]
        own = [
            some([*needed, *random.sample(shared, random.randrange(len(shared) + 1))])
            for _ in range(random.randrange(9))
        ]
        plain = JsonDecoder(HORSES, fields={}, id_field="id", max_bytes=MAX_BYTES)
        decoded = decode({**record, "candidates": own})
        singles = plain.decode([Record(json.dumps({**record, **each}).encode()) for each in own], ORIGIN)
        found = rows(decoded)
        assert len(found) == len(own)
        for group in singles.groups:
            for row, place in enumerate(group.positions):
                assert found[place] == {name: column[row].tolist() for name, column in group.columns.items()}

"""Lists of candidates as rows for a model that takes a whole list."""

import json
from typing import Any

import numpy as np
import pytest

from app.codecs.candidates import Bounds, DecodedLists
from app.codecs.whole_lists import ListAxis, WholeListDecoder
from app.errors import Reason, StartFailed
from models.signature import Signature, TensorSpec
from tests.app.codecs.records import ORIGIN, Record

ANY_LENGTH = Signature(
    "rank",
    (
        TensorSpec("speed", "float32", (None,)),
        TensorSpec("form", "int32", (None, 2)),
        TensorSpec("jockey", "string", (None,)),
        TensorSpec("going", "int64", ()),
        TensorSpec("mask", "bool", (None,)),
    ),
)

OPEN = ListAxis(None, "mask")
BOUNDS = Bounds(1 << 20, candidates=1000, batch_rows=512, batch_bytes=1 << 26)


def fixed(length: int) -> Signature:
    return Signature(
        "rank",
        tuple(
            TensorSpec(each.name, each.dtype, tuple(length if size is None else size for size in each.shape or ()))
            for each in ANY_LENGTH.inputs
        ),
    )


def decoder(signature: Signature = ANY_LENGTH, axis: ListAxis = OPEN, *, drop: bool = False) -> WholeListDecoder:
    paths = {"id_field": "id", "candidates_field": "candidates", "candidate_id_field": "id"}
    return WholeListDecoder(signature, axis, fields={}, **paths, bounds=BOUNDS, drop=drop)


def decode(*documents: Any, **options: Any) -> DecodedLists:
    return decoder(**options).decode([Record(json.dumps(each).encode()) for each in documents], ORIGIN)


def race(height: int, **more: Any) -> dict[str, Any]:
    horses = [{"id": f"h{n}", "speed": n + 0.5, "form": [n, -n], "jockey": f"j{n}"} for n in range(height)]
    return {"id": f"race of {height}", "going": 3, "candidates": horses} | more


def test_lists_of_similar_lengths_share_rows_that_are_filled_up() -> None:
    decoded = decode(race(3), race(4), race(0), race(6))
    assert decoded.rejected == ()
    assert {place: (each.start, each.stop) for place, each in decoded.lists.items()} == {
        0: (0, 3),
        1: (3, 7),
        2: (7, 7),
        3: (7, 13),
    }
    small, large = decoded.groups
    assert (small.shape_key, list(small.positions), large.shape_key, list(large.positions)) == (4, [0, 1], 8, [3])
    assert small.columns["speed"].tolist() == [[0.5, 1.5, 2.5, 0.0], [0.5, 1.5, 2.5, 3.5]]
    assert small.columns["form"].tolist()[0] == [[0, 0], [1, -1], [2, -2], [0, 0]]
    assert small.columns["jockey"].tolist()[0] == [b"j0", b"j1", b"j2", b""]
    assert small.columns["mask"].tolist() == [[True] * 3 + [False], [True] * 4]
    assert small.columns["going"].tolist() == [3, 3]
    kinds = {name: (column.dtype, column.shape) for name, column in large.columns.items()}
    assert kinds == {
        "speed": (np.float32, (1, 8)),
        "form": (np.int32, (1, 8, 2)),
        "jockey": (np.dtype(object), (1, 8)),
        "going": (np.int64, (1,)),
        "mask": (np.bool_, (1, 8)),
    }


def test_what_a_record_has_for_all_candidates_is_given_to_each() -> None:
    (group,) = decode(race(3, candidates=[{"form": [1, 2], "jockey": "x"}] * 3, speed=2.0)).groups
    assert group.columns["speed"].tolist() == [[2.0, 2.0, 2.0, 0.0]]


def test_without_a_mask_only_lists_of_one_length_share_rows() -> None:
    signature = Signature("rank", ANY_LENGTH.inputs[:-1])
    groups = decode(race(3), race(5), race(3), signature=signature, axis=ListAxis(None, None)).groups
    assert [(group.shape_key, list(group.positions)) for group in groups] == [(3, [0, 2]), (5, [1])]
    assert groups[0].columns["speed"].shape == (2, 3)


@pytest.mark.parametrize(
    ("axis", "heights", "message"),
    [
        (ListAxis(4, "mask"), {3: True, 4: True, 5: False}, "a list of 5; the model takes at most 4 candidates"),
        (ListAxis(4, None), {3: False, 4: True, 5: False}, "the model takes exactly 4 candidates"),
    ],
)
def test_a_fixed_length_is_kept(axis: ListAxis, heights: dict[int, bool], message: str) -> None:
    inputs = fixed(4).inputs if axis.mask else fixed(4).inputs[:-1]
    decoded = decode(*map(race, heights), signature=Signature("rank", inputs), axis=axis)
    assert [place not in dict(decoded.rejected) for place in range(len(heights))] == list(heights.values())
    for _, rejection in decoded.rejected:
        assert rejection.reason == Reason.WRONG_SHAPE
        assert message in rejection.message
    assert all(group.columns["speed"].shape[1] == 4 for group in decoded.groups)


def test_what_is_wrong_is_told_with_its_place_or_dropped() -> None:
    bad = race(3)
    bad["candidates"][1]["speed"] = None
    wrong = {"going": "x"}
    first, second = (rejection.message for _, rejection in decode(bad, race(2, **wrong)).rejected)
    assert first == "candidates[1]: speed: null; expected a number (float32)"
    assert second.startswith('going: "x"; expected a whole number')
    decoded = decode(bad, drop=True)
    assert (decoded.ids, decoded.lists[0].dropped) == (["h0", "h2"], 1)
    assert decoded.groups[0].columns["speed"].tolist() == [[0.5, 2.5, 0.0, 0.0]]


def test_what_candidates_share_may_not_grow_beyond_measure() -> None:
    signature = Signature(
        "rank", (TensorSpec("field", "float64", (None, 1000)), TensorSpec("mask", "float32", (None,)))
    )
    small, large = ({"field": [0.5] * 1000, "candidates": [{}] * height} for height in (100, 200))
    decoded = decode(small, large, signature=signature)
    ((place, rejection),) = decoded.rejected
    assert (place, rejection.reason) == (1, Reason.TOO_LARGE)
    assert "what 200 candidates share takes 1600000 bytes" in rejection.message
    assert decoded.groups[0].columns["mask"].sum() == 100


@pytest.mark.parametrize(
    ("signature", "axis", "message"),
    [
        (
            Signature("rank", (TensorSpec("x", "float32", (None,)), TensorSpec("mask", "bool", (None, 1)))),
            OPEN,
            "CANDIDATE_MASK_INPUT=mask: the input 'mask' is bool [None, 1] a row; expected numbers or booleans",
        ),
        (
            Signature("rank", (TensorSpec("x", "float32", (None,)), TensorSpec("mask", "string", (None,)))),
            OPEN,
            "CANDIDATE_MASK_INPUT=mask: the input 'mask' is string [None] a row",
        ),
        (
            ANY_LENGTH,
            ListAxis(None, "there"),
            "CANDIDATE_MASK_INPUT=there: the signature 'rank' has no such input; it has:",
        ),
        (ANY_LENGTH, ListAxis(7, "mask"), "no input of the signature 'rank' has a first axis of 7, as its scores have"),
        (
            Signature("rank", (TensorSpec("text", "string", (None, None)),)),
            ListAxis(None, None),
            "the shape of the input 'text' is not known but for the list's axis",
        ),
        (
            Signature("rank", (TensorSpec("x", "float32", (None,)), TensorSpec("bag", "float32", (3,), loose=True))),
            ListAxis(None, None),
            "the shape of the input 'bag' is not known but for the list's axis",
        ),
    ],
)
def test_what_takes_no_lists_stops_the_start(signature: Signature, axis: ListAxis, message: str) -> None:
    with pytest.raises(StartFailed) as caught:
        decoder(signature, axis)
    assert message in str(caught.value)

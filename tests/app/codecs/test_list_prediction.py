"""Rankings of candidates as they are published, beside a plain one in Python."""

import json
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.codecs.list_prediction import ListEncoder, ScoredList
from app.errors import Reason, RejectedRecord


def encode(
    lists: Sequence[ScoredList], ids: Sequence[str | int], scores: Any, *, tells_dropped: bool = False, **options: Any
) -> list[Any]:
    encoder = ListEncoder(
        model='a "b" 50%', version="3", tells_dropped=tells_dropped, **({"top_k": 0, "min_score": None} | options)
    )
    return encoder.encode(lists, ids, np.asarray(scores))


def test_a_ranking_is_written_best_first_in_the_order_of_the_keys() -> None:
    (value,) = encode([ScoredList("race-7", range(3))], ["h1", 2, 'h"3'], np.array([0.1, 0.5, 0.25], np.float32))
    assert value == (
        b'{"id":"race-7","model":"a \\"b\\" 50%","model_version":"3","predictions":['
        b'{"rank":1,"label":2,"score":0.5},{"rank":2,"label":"h\\"3","score":0.25},{"rank":3,"label":"h1","score":0.1}]}'
    )


def test_an_empty_list_has_an_empty_ranking() -> None:
    assert encode([ScoredList(5, [])], [], np.zeros(0, np.float32)) == [
        b'{"id":5,"model":"a \\"b\\" 50%","model_version":"3","predictions":[]}'
    ]
    assert encode([], [], np.zeros(0, np.float32)) == []


def test_it_tells_how_many_were_dropped_where_that_is_asked_for() -> None:
    (value,) = encode([ScoredList("r", [1], dropped=2)], ["a", "b"], np.float32([1, 2]), tells_dropped=True)
    assert json.loads(value) == {
        "id": "r",
        "model": 'a "b" 50%',
        "model_version": "3",
        "dropped": 2,
        "predictions": [{"rank": 1, "label": "b", "score": 2.0}],
    }


def test_a_list_that_cannot_be_written_is_refused_alone() -> None:
    lists = [ScoredList("a", [0]), ScoredList("b", [1]), ScoredList("c", [2])]
    first, second, third = encode(lists, ["x", "\ud800", "z"], np.float32([1, 2, 3]))
    assert [json.loads(value)["predictions"][0]["label"] for value in (first, third)] == ["x", "z"]
    assert isinstance(second, RejectedRecord)
    assert second.reason == Reason.NOT_ENCODABLE


FLOATS = hnp.arrays(np.float32, 12, elements=st.floats(width=32) | st.sampled_from([0.0, -0.0, 1.0]))
DOUBLES = hnp.arrays(np.float64, 12, elements=st.floats() | st.sampled_from([0.1, 0.2]))
INTEGERS = [
    hnp.arrays(kind, 12, elements=st.integers(np.iinfo(kind).min, np.iinfo(kind).max) | st.sampled_from([0, 1]))
    for kind in (np.int64, np.uint64, np.int8, np.uint8)
]


@settings(max_examples=300, deadline=None)
@given(
    scores=st.one_of(FLOATS, DOUBLES, *INTEGERS),
    cuts=st.lists(st.integers(0, 12), min_size=1, max_size=4),
    top_k=st.integers(0, 4),
    min_score=st.none() | st.floats(-2, 2),
)
def test_it_is_the_ranking_that_sorting_gives(
    scores: Any, cuts: list[int], top_k: int, min_score: float | None
) -> None:
    bounds = sorted(cuts)
    ids = [f"h{place}" for place in range(12)]
    lists = [ScoredList(number, range(start, stop)) for number, (start, stop) in enumerate(pairwise(bounds))]
    values = encode(lists, ids, scores, top_k=top_k, min_score=min_score)
    assert len(values) == len(lists)
    for listed, value in zip(lists, values, strict=True):
        table = {ids[row]: scores[row] for row in listed.rows}
        # Stable, and what is no number is last.
        best = sorted(table, key=lambda name: (math.isnan(table[name]), -as_number(table[name])))
        best = best[: top_k or None]
        if min_score is not None:
            least = scores.dtype.type(min_score) if scores.dtype.kind == "f" else min_score
            best = [name for name in best if not math.isnan(table[name]) and as_number(table[name]) >= as_number(least)]
        found = json.loads(value)
        assert found["id"] == listed.id
        assert [each["label"] for each in found["predictions"]] == best
        assert [each["rank"] for each in found["predictions"]] == list(range(1, len(best) + 1))
        for each in found["predictions"]:
            written = each["score"]
            if written is None:
                assert not np.isfinite(table[each["label"]])
            else:
                assert scores.dtype.type(written) == table[each["label"]]


def as_number(score: Any) -> Any:
    number = score.item() if hasattr(score, "item") else score
    return 0.0 if isinstance(number, float) and math.isnan(number) else number


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_ties_keep_the_order_of_the_record(dtype: Any) -> None:
    (value,) = encode([ScoredList("r", range(4))], ["d", "b", "c", "a"], np.array([1, 2, 1, 2], dtype))
    assert [each["label"] for each in json.loads(value)["predictions"]] == ["b", "a", "d", "c"]

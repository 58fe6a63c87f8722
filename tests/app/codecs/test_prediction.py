import json
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.codecs.prediction import PredictionEncoder
from app.errors import Reason, RejectedRecord, Stage
from models.predictor import TopK

ANIMALS = ["cat", "dog", "hen"]


def ranking(
    scores: Any, dtype: str = "float32", *, indices: Any = None, labels: Any = None, finite: Any = None
) -> TopK:
    array = np.array(scores, dtype)
    places = np.tile(np.arange(array.shape[1]), (len(array), 1)) if indices is None else indices
    return TopK(
        array,
        np.array(places, np.int32).reshape(array.shape),
        np.isfinite(array).all(axis=1) if finite is None else np.array(finite),
        None if labels is None else np.array(labels, object),
    )


def encoder(
    labels: Any = ANIMALS,
    *,
    min_score: float | None = None,
    model: str = "mlp",
    non_finite: Literal["reject", "publish"] = "reject",
) -> PredictionEncoder:
    return PredictionEncoder(model=model, version="3", labels=labels, min_score=min_score, non_finite=non_finite)


def predictions(value: bytes | RejectedRecord) -> list[dict[str, Any]]:
    assert isinstance(value, bytes)
    found: list[dict[str, Any]] = json.loads(value)["predictions"]
    return found


def test_a_value_is_compact_with_its_keys_in_the_order_of_the_contract() -> None:
    values = encoder().encode(["r1", -7], ranking([[0.93, 0.05], [0.5, 0.25]], indices=[[0, 1], [2, 0]]))

    assert values == [
        b'{"id":"r1","model":"mlp","model_version":"3","predictions":'
        b'[{"rank":1,"label":"cat","score":0.93},{"rank":2,"label":"dog","score":0.05}]}',
        b'{"id":-7,"model":"mlp","model_version":"3","predictions":'
        b'[{"rank":1,"label":"hen","score":0.5},{"rank":2,"label":"cat","score":0.25}]}',
    ]


@pytest.mark.parametrize(
    "text", ["", "100%", "%b%%", 'a"b\\c', "line\nbreak", '",\n  "', "\0\x1f\x7f", "é€\u2028🏁", '{"id":', "]},{"]
)
def test_any_text_survives_as_id_model_and_label(text: str) -> None:
    first, second = encoder([text, "dog"], model=text).encode([text, "r2"], ranking([[1.0, 0.5]] * 2))

    assert isinstance(first, bytes)
    assert json.loads(first)["id"] == json.loads(first)["model"] == predictions(first)[0]["label"] == text
    assert isinstance(second, bytes)
    assert json.loads(second)["id"] == "r2"
    assert b"\n" not in first


@pytest.mark.parametrize("identifier", [0, -1, 2**63 - 1, -(2**63), "0", "x" * 1024])
def test_an_id_keeps_its_type(identifier: str | int) -> None:
    [value] = encoder().encode([identifier], ranking([[1.0]]))

    assert isinstance(value, bytes)
    found = json.loads(value)["id"]
    assert (type(found), found) == (type(identifier), identifier)


# -- scores


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=40))
def test_a_float32_reads_back_bit_for_bit_from_its_shortest_decimal(patterns: list[int]) -> None:
    scores = np.array(patterns, np.uint32).view(np.float32)
    scores = scores[np.isfinite(scores)].reshape(1, -1)
    [value] = encoder(labels=None).encode(["r"], ranking(scores))

    texts = [entry["score"] for entry in _literals(value)]
    read = np.array([float(text) for text in texts], np.float64).astype(np.float32)
    assert read.tobytes() == scores.tobytes()
    assert [_digits(text) for text in texts] == [
        _digits(np.format_float_scientific(score, unique=True)) for score in scores[0]
    ]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_a_float64_reads_back_bit_for_bit(scores: list[float]) -> None:
    [value] = encoder(labels=None).encode(["r"], ranking([scores], "float64"))

    read = [entry["score"] for entry in predictions(value)]
    assert np.array(read).tobytes() == np.array(scores).tobytes()


def _literals(value: bytes | RejectedRecord) -> list[dict[str, str]]:
    assert isinstance(value, bytes)
    found: list[dict[str, str]] = json.loads(value, parse_float=str)["predictions"]
    return found


def _digits(text: str) -> str:
    return text.lower().split("e")[0].replace(".", "").replace("-", "").strip("0")


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (0.1, "0.1"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e-45, "1e-45"),
        (1.1754944e-38, "1.1754944e-38"),
        (3.4028235e38, "3.4028235e+38"),
        (1e16, "1e+16"),
        (16777216, "16777216.0"),
    ],
)
def test_the_extremes_of_float32_are_json_numbers(score: float, text: str) -> None:
    [value] = encoder().encode(["r"], ranking([[score]]))

    assert [entry["score"] for entry in _literals(value)] == [text]


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "uint64"])
def test_integers_are_written_as_integers(dtype: str) -> None:
    limits = np.iinfo(dtype)
    [value] = encoder().encode(["r"], ranking([[limits.max, limits.min]], dtype))

    assert [entry["score"] for entry in predictions(value)] == [limits.max, limits.min]


def test_a_float16_is_written_as_the_float32_of_its_value() -> None:
    [value] = encoder().encode(["r"], ranking([[0.1]], "float16"))

    assert np.float32(predictions(value)[0]["score"]) == np.float32(np.float16(0.1))


def test_scores_and_indices_may_be_cuts_of_larger_arrays() -> None:
    scores = np.array([[3.0, 9.0, 2.0, 9.0], [5.0, 9.0, 4.0, 9.0]], np.float32)[:, ::2]
    indices = np.array([[2, 0], [1, 0]], np.int32)[::-1]
    values = encoder().encode(["a", "b"], TopK(scores, indices, np.array([True, True])))

    assert [[(e["label"], e["score"]) for e in predictions(value)] for value in values] == [
        [("dog", 3.0), ("cat", 2.0)],
        [("hen", 5.0), ("cat", 4.0)],
    ]


# -- labels


def test_without_labels_the_class_index_is_the_label() -> None:
    [value] = encoder(labels=None).encode(["r"], ranking([[1.0, 0.5]], indices=[[12, 0]]))

    assert [entry["label"] for entry in predictions(value)] == ["12", "0"]


def test_labels_of_the_rows_win_and_what_is_no_text_is_base64() -> None:
    labels = [[b"cat", "é".encode()], [b"", b"\xff\x00"]]
    values = encoder(labels=None).encode(["a", "b"], ranking([[1.0, 0.5]] * 2, labels=labels))

    assert [[entry["label"] for entry in predictions(value)] for value in values] == [
        ["cat", "é"],
        ["", {"b64": "/wA="}],
    ]


# -- the cut


def test_entries_below_the_least_score_are_left_out_and_ranks_stay_contiguous() -> None:
    scores = [[0.9, 0.5, 0.1], [0.5, 0.4, 0.3], [0.4, 0.3, 0.3]]
    values = encoder(min_score=0.5).encode(["a", "b", "c"], ranking(scores))

    assert [[(entry["rank"], entry["label"]) for entry in predictions(value)] for value in values] == [
        [(1, "cat"), (2, "dog")],
        [(1, "cat")],
        [],
    ]
    assert values[2] == b'{"id":"c","model":"mlp","model_version":"3","predictions":[]}'


@pytest.mark.parametrize("least", [0.1, 0.3, 0.7, 1e-45, 3.4028235e38])
def test_a_score_that_is_written_as_the_least_one_is_kept(least: float) -> None:
    [value] = encoder(min_score=least).encode(["r"], ranking([[least, np.nextafter(np.float32(least), np.float32(0))]]))

    assert [entry["score"] for entry in predictions(value)] == [least]


@pytest.mark.parametrize(("dtype", "kept"), [("int32", [3, 2]), ("uint8", [3, 2]), ("float64", [3.0, 2.0])])
def test_the_least_score_may_be_a_fraction_for_any_type(dtype: str, kept: list[float]) -> None:
    [value] = encoder(min_score=1.5).encode(["r"], ranking([[3, 2, 1]], dtype))

    assert [entry["score"] for entry in predictions(value)] == kept


@pytest.mark.parametrize(("least", "kept"), [(1e300, 0), (-1e300, 2)])
def test_the_least_score_may_lie_beyond_the_type(least: float, kept: int) -> None:
    [value] = encoder(min_score=least).encode(["r"], ranking([[1.0, 0.5]]))

    assert len(predictions(value)) == kept


def test_no_rows_and_no_entries_are_no_special_case() -> None:
    assert encoder().encode([], ranking(np.empty((0, 3)))) == []
    assert encoder().encode(["r"], ranking(np.empty((1, 0)))) == [
        b'{"id":"r","model":"mlp","model_version":"3","predictions":[]}'
    ]


# -- refusals


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_row_with_a_score_that_is_not_finite_is_refused_by_name_and_its_neighbours_are_not(wrong: float) -> None:
    first, refused, last = encoder().encode(["a", "b", "c"], ranking([[1.0, 0.5], [1.0, wrong], [0.5, 0.25]]))

    assert isinstance(refused, RejectedRecord)
    assert (refused.stage, refused.reason) == (Stage.PREDICT, Reason.NON_FINITE_SCORE)
    assert '"dog"' in refused.message
    assert str(wrong) in refused.message
    assert [len(predictions(value)) for value in (first, last)] == [2, 2]


def test_a_score_that_is_not_finite_below_the_cut_is_refused_too() -> None:
    [refused] = encoder().encode(["r"], ranking([[1.0, 0.5]], finite=[False]))

    assert isinstance(refused, RejectedRecord)
    assert refused.reason == Reason.NON_FINITE_SCORE


@pytest.mark.parametrize("unwritable", ["\ud800", 2**70])
def test_only_the_row_whose_id_cannot_be_written_is_refused(unwritable: str | int) -> None:
    first, refused, last = encoder().encode(["a", unwritable, "c"], ranking([[1.0], [0.5], [0.25]]))

    assert isinstance(refused, RejectedRecord)
    assert (refused.stage, refused.reason) == (Stage.ENCODE, Reason.NOT_ENCODABLE)
    assert [predictions(value)[0]["score"] for value in (first, last)] == [1.0, 0.25]


def test_only_the_row_with_a_class_that_has_no_label_is_refused() -> None:
    first, refused, last = encoder().encode(["a", "b", "c"], ranking([[1.0]] * 3, indices=[[0], [3], [2]]))

    assert isinstance(refused, RejectedRecord)
    assert refused.reason == Reason.NOT_ENCODABLE
    assert [predictions(value)[0]["label"] for value in (first, last)] == ["cat", "hen"]


# -- scores that are not finite, published


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_score_that_is_not_finite_is_published_as_null_with_its_rank_and_label(dtype: str) -> None:
    scores = [[np.inf, 0.5, np.nan], [1.0, 0.5, 0.25], [np.nan, np.nan, -np.inf]]
    values = encoder(non_finite="publish").encode(["a", "b", "c"], ranking(scores, dtype))

    assert values[0] == (
        b'{"id":"a","model":"mlp","model_version":"3","predictions":[{"rank":1,"label":"cat","score":null},'
        b'{"rank":2,"label":"dog","score":0.5},{"rank":3,"label":"hen","score":null}]}'
    )
    assert [entry["score"] for entry in predictions(values[1])] == [1.0, 0.5, 0.25]
    assert [entry["score"] for entry in predictions(values[2])] == [None] * 3


def test_a_row_that_is_not_finite_only_below_the_cut_is_published_as_it_is() -> None:
    [value] = encoder(non_finite="publish").encode(["r"], ranking([[1.0, 0.5]], finite=[False]))

    assert [entry["score"] for entry in predictions(value)] == [1.0, 0.5]


@pytest.mark.parametrize("least", [0.0, -1e300, -3.4028235e38])
@pytest.mark.parametrize("tail", [[np.nan, -np.inf], [-np.inf, np.nan], [np.nan, np.nan]])
def test_with_a_least_score_entries_without_a_number_and_those_of_minus_infinity_are_left_out(
    least: float, tail: list[float]
) -> None:
    scores = [[np.inf, 0.5, *tail], [*tail, *tail], [2.0, 1.0, 0.5, 0.25]]
    values = encoder(labels=None, non_finite="publish", min_score=least).encode(["a", "b", "c"], ranking(scores))

    assert [[entry["score"] for entry in predictions(value)] for value in values] == [
        [None, 0.5],
        [],
        [2.0, 1.0, 0.5, 0.25],
    ]

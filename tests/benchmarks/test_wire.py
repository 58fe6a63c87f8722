import json

import numpy as np
import pytest

from benchmarks.peers.wire import PredictionEncoder, constant_headers, decode


def test_decoding_gives_ids_and_float32_rows() -> None:
    ids, rows = decode([b'{"id": "a", "features": [1, 2.5]}', b'{"features": [-0.1, 4], "id": 7}'])
    assert ids == ["a", 7]
    assert rows.dtype == np.float32
    assert rows.tolist() == np.array([[1, 2.5], [-0.1, 4]], np.float32).tolist()


def test_a_prediction_has_the_contracts_fields_in_order() -> None:
    scores = np.array([[0.5, 0.25]], np.float32)
    (value,) = PredictionEncoder("mlp", classes=10, k=2).encode(["r1"], scores, np.array([[3, 0]], np.int32))
    entries = [{"rank": 1, "label": "3", "score": 0.5}, {"rank": 2, "label": "0", "score": 0.25}]
    expected = {"id": "r1", "model": "mlp", "model_version": "unversioned", "predictions": entries}
    assert json.loads(value) == expected
    assert list(json.loads(value)) == list(expected)


def test_scores_are_the_shortest_decimals_of_the_same_float32() -> None:
    scores = np.array([[0.1, 1 / 3, 1e-7]], np.float32)
    (value,) = PredictionEncoder("mlp", classes=3, k=3).encode(["r1"], scores, np.array([[0, 1, 2]], np.int32))
    texts = [entry["score"] for entry in json.loads(value, parse_float=str)["predictions"]]
    assert texts == ["0.1", "0.33333334", "1e-7"]


@pytest.mark.parametrize("record_id", ['say "hi"', "back\\slash", "ü\u0000", 2**53 + 1])
def test_an_id_comes_back_as_it_was(record_id: str | int) -> None:
    scores, indices = np.array([[0.5]], np.float32), np.array([[0]], np.int32)
    (value,) = PredictionEncoder("50 % mlp", classes=1, k=1).encode([record_id], scores, indices)
    assert json.loads(value)["id"] == record_id
    assert json.loads(value)["model"] == "50 % mlp"


def test_constant_headers_say_where_a_record_came_from() -> None:
    assert constant_headers("mlp", "records", 3)[2:] == [("source-topic", b"records"), ("source-partition", b"3")]

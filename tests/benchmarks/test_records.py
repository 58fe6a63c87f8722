import json

import numpy as np

from benchmarks.records import DISTINCT, SENT_AT, RecordFactory, feature_rows, headers, key


def test_a_record_is_json_of_about_250_bytes_with_its_row() -> None:
    value = RecordFactory().value(DISTINCT + 7)
    assert json.loads(value) == {"id": f"r{DISTINCT + 7}", "features": feature_rows()[7].tolist()}
    assert 220 <= len(value) <= 280


def test_rows_are_the_same_in_every_run_and_differ_from_each_other() -> None:
    assert np.array_equal(feature_rows(), feature_rows())
    assert len(np.unique(feature_rows(), axis=0)) == DISTINCT


def test_headers_carry_the_due_time() -> None:
    assert dict(headers(3, 123_456_789))[SENT_AT] == b"123456789"
    assert key(3) == b"key-3"

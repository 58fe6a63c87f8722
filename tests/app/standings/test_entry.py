"""What the topic keeps reads back as what was written."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.codecs.prediction import score_texts
from app.standings.entry import erased, number_of, read_key, read_value, written
from app.standings.member import Member, key

SCORES = st.floats(width=32, allow_nan=False) | st.integers(-(2**63), 2**63 - 1)


@given(SCORES, st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(0, 9))
def test_a_member_reads_back_with_the_very_text_of_its_score(score: float, order: float | None):
    array = np.array([score], np.int64 if isinstance(score, int) else np.float32)
    (text,) = score_texts(array)
    number = float(score) if text == b"null" else number_of(text)
    member = Member(b'"h1"', text, number, 3, 9, order)
    record = written(b"7", member)
    group, label = read_key(record.key)
    again = read_value(label, record.value or b"")
    assert (group, again) == (b"7", member)
    assert key(again) == key(member)


def test_nan_reads_back_as_nan():
    again = read_value(b'"h"', written(b'"g"', Member(b'"h"', b"null", math.nan, 0, 0)).value or b"")
    assert math.isnan(again.number)
    assert again.text == b"null"


def test_an_ended_member_is_a_tombstone_under_the_same_key():
    assert erased(b'"g"', b'"h"').value is None
    assert erased(b'"g"', b'"h"').key == written(b'"g"', Member(b'"h"', b"1", 1, 0, 0)).key


@pytest.mark.parametrize("wrong", [None, b"", b"race-7", b'["g"]', b'["g","h","i"]'])
def test_a_key_that_is_none_of_ours_is_told(wrong: bytes | None):
    with pytest.raises(ValueError, match="no key of ours"):
        read_key(wrong)


@pytest.mark.parametrize("wrong", [b"", b"1", b'{"offset":1}', b'{"offset":1,"first":1,"score":[]}'])
def test_a_value_that_is_none_of_ours_is_told(wrong: bytes):
    with pytest.raises(ValueError, match="no value of ours"):
        read_value(b'"h"', wrong)

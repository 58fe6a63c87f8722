"""What is read of rankings and records."""

from math import exp

import pytest

from app.live.message import Entry
from app.live.reader import Reader
from tests.app.live.scene import ranking, standing


def test_a_ranking_is_read_with_all_its_entries():
    read = Reader([]).ranking(ranking(7, [("cat", 0.75), ({"b64": "/w=="}, None)]))
    assert read is not None
    assert (read.id, read.group, read.version) == ("7", None, "3")
    assert read.entries == (Entry("cat", 0.75), Entry('{"b64":"/w=="}', None))


def test_the_ranking_of_a_group_tells_places_won_and_lost():
    read = Reader([]).ranking(standing("race-7", [("h1", 2, 1), ("h2", 1, None)]))
    assert read is not None
    assert read.group == "race-7"
    assert [entry.change for entry in read.entries] == [1, None]


def test_softmax_is_over_all_entries_and_leaves_those_without_a_score_out():
    read = Reader([], softmax=True).ranking(ranking("r", [("a", 1000.0), ("b", 999), ("c", None)]))
    assert read is not None
    first, second, third = (entry.score for entry in read.entries)
    assert third is None
    assert (first, second) == pytest.approx((1 / (1 + exp(-1)), 1 / (1 + exp(1))))


@pytest.mark.parametrize("value", [b"", b"[]", b"{", b'{"predictions":3}', b'{"id":"\xff"}', b"[" * 100_000])
def test_what_is_no_ranking_is_none(value: bytes):
    assert Reader([], softmax=True).ranking(value) is None


def test_of_a_record_the_member_the_order_and_the_fields_are_read():
    reader = Reader(["position", "a.b", r"dotted\.name", "none"], member="horse.id", order="lap")
    value = b'{"horse":{"id":"h1"},"lap":3,"position":2,"a":{"b":[1]},"dotted.name":true}'
    assert reader.record(value) == ("h1", 3, (2, "[1]", "true", None))


@pytest.mark.parametrize("value", [None, b"", b"3", b"[]", b"{", b'{"position":"\xff"}', b"[" * 100_000])
def test_of_what_is_no_record_nothing_is_known(value: bytes | None):
    assert Reader(["position", "a.b"], member="id").record(value) == (None, None, (None, None))

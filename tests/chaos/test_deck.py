"""Faults follow from the seed."""

from collections import Counter
from itertools import islice

import pytest

from tests.broker.frames import ApiKey
from tests.chaos.deck import MEANINGS, SESSION_SECONDS, Guarantee, Kind, deck


def drawn(count: int, seed: str = "1", guarantee: Guarantee = Guarantee.EXACTLY_ONCE, **only):
    return list(islice(deck(seed, guarantee, **only), count))


def test_the_same_seed_gives_the_same_faults_and_another_one_others():
    assert drawn(100) == drawn(100)
    assert drawn(100) != drawn(100, "2")


@pytest.mark.parametrize("guarantee", Guarantee)
def test_every_kind_comes_within_200_faults(guarantee: Guarantee):
    counts = Counter(fault.kind for fault in drawn(200, guarantee=guarantee))
    assert counts.keys() == set(Kind) == MEANINGS.keys()
    assert min(counts.values()) >= 5


def test_only_what_is_asked_for_comes():
    kinds = {fault.kind for fault in drawn(50, only=[Kind.CUT, Kind.SLOW])}
    assert kinds == {Kind.CUT, Kind.SLOW}


def test_whoever_is_frozen_or_cut_off_is_so_clearly_longer_or_clearly_shorter_than_the_session():
    for fault in drawn(500):
        assert fault.seconds < SESSION_SECONDS / 2 or fault.seconds >= SESSION_SECONDS + 1
        assert fault.away or fault.kind is not Kind.FREEZE
    assert {fault.away for fault in drawn(500) if fault.kind is Kind.CUT} == {True, False}


def test_requests_of_transactions_are_disturbed_where_there_are_transactions():
    for guarantee, expected in ((Guarantee.EXACTLY_ONCE, True), (Guarantee.AT_LEAST_ONCE, False)):
        requests = {fault.request for fault in drawn(500, guarantee=guarantee)}
        assert (ApiKey.END_TXN in requests) is expected
        assert ApiKey.PRODUCE in requests

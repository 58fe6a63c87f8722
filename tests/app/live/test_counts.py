"""Rates and latencies out of counters."""

import time
from math import inf

import pytest

from app.errors import Reason, RejectedRecord
from app.live.counts import Counts, Window, quantile, read
from app.metrics import Metrics
from tests.app.chunks import chunk, record, run_of


def counts(at: float, consumed: int = 0, published: int = 0, latency: tuple[int, ...] = (0, 0, 0)) -> Counts:
    bounds = (1.0, 2.0, inf)
    return Counts(at, consumed, {"published": published}, {}, list(zip(bounds, latency, strict=True)))


def test_what_the_metrics_have_counted_is_read():
    metrics = Metrics()
    empty = read(metrics.registry)
    assert (empty.consumed, empty.outcomes["published"], empty.letters) == (0, 0, {})
    now = int(time.time() * 1000)
    for partition in (0, 1):
        metrics.consumed(run_of(0, 5, partition=partition))
    refused = RejectedRecord(Reason.WRONG_TYPE, "")
    metrics.confirmed(chunk(record(0, timestamp=now), record(1, timestamp=now)), [b"", refused])
    full = read(metrics.registry)
    assert full.consumed == 10
    assert full.outcomes == {"published": 1, "dead_lettered": 1, "expired": 0, "superseded": 0}
    assert full.letters == {("validate", "wrong_type"): 1}
    assert full.latency[-1] == (inf, 2)


def test_rates_are_those_of_the_last_two_seconds():
    window = Window()
    window.note(counts(0.0))
    assert window.rates is None
    for at, consumed, published in ((8.0, 1000, 1000), (9.0, 1010, 1004), (10.0, 1030, 1010)):
        window.note(counts(at, consumed, published))
    rates = window.rates
    assert rates is not None
    assert (rates.consumed, rates.published, rates.dead_lettered) == (15, 5, 0)


def test_latency_is_that_of_the_records_of_the_last_ten_seconds():
    window = Window()
    window.note(counts(0.0, latency=(0, 0, 0)))
    window.note(counts(5.0, latency=(0, 0, 100)))
    window.note(counts(14.0, latency=(100, 100, 200)))
    latency = window.latency
    assert latency is not None
    assert (latency.records, latency.p50, latency.p99) == (100, 0.5, 0.99)


def test_looks_that_are_far_apart_are_compared_all_the_same():
    window = Window()
    for at, records in ((0.0, 0), (30.0, 60), (60.0, 180)):
        window.note(counts(at, records, records, (records, records, records)))
    rates, latency = window.rates, window.latency
    assert rates is not None
    assert latency is not None
    assert (rates.consumed, rates.published, latency.records) == (4, 4, 120)


def test_without_records_there_is_no_latency():
    window = Window()
    window.note(counts(0.0, latency=(3, 4, 5)))
    window.note(counts(1.0, latency=(3, 4, 5)))
    assert window.latency is None


@pytest.mark.parametrize(
    ("cumulated", "share", "expected"),
    [
        ([(1.0, 10), (2.0, 20), (inf, 20)], 0.5, 1.0),
        ([(1.0, 10), (2.0, 20), (inf, 20)], 0.75, 1.5),
        ([(1.0, 0), (2.0, 20), (inf, 20)], 0.5, 1.5),
        ([(1.0, 0), (2.0, 0), (inf, 20)], 0.5, 2.0),
    ],
)
def test_a_quantile_lies_in_its_bucket_as_if_that_were_filled_evenly(
    cumulated: list[tuple[float, int]], share: float, expected: float
):
    assert quantile(cumulated, share) == pytest.approx(expected)

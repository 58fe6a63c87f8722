"""What Prometheus sees."""

import math
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as open_metrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open_metrics
from prometheus_client.parser import text_string_to_metric_families

from app.batching import Dispatch
from app.catalogue import MetricInfo, catalogue
from app.errors import Reason, RejectedRecord
from app.metrics import LATENCY_BUCKETS, Metrics
from app.record_histogram import RecordHistogram
from models.numpy_model import NumpyModel
from tests.app.chunks import chunk, record, run_of

INFO = MetricInfo("a_histogram", "histogram", (), "what it means")


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Every sample as a scraper reads it: its name and label values, in the order of the labels' names."""
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


# Halves to 1024ths add up exactly, in whatever order.
EXACT = st.integers(-(2**20), 2**20).map(lambda number: number / 1024)


@given(batches=st.lists(st.lists(st.one_of(EXACT, st.sampled_from([0.5, 1.0, 2.5, 5.0, 300.0])), max_size=40)))
def test_a_histogram_of_whole_arrays_tells_what_prometheus_own_would(batches: list[list[float]]):
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    histogram = RecordHistogram(INFO, LATENCY_BUCKETS)
    ours.register(histogram)
    reference = Histogram(INFO.name, INFO.meaning, registry=theirs, buckets=LATENCY_BUCKETS)
    for batch in batches:
        histogram.observe(batch)
        for value in batch:
            reference.observe(value)
    assert generate_latest(ours) == generate_latest(theirs)


@pytest.mark.parametrize("bound", LATENCY_BUCKETS)
def test_a_value_on_a_bound_counts_as_within_it(bound: float):
    registry = CollectorRegistry()
    histogram = RecordHistogram(INFO, LATENCY_BUCKETS)
    registry.register(histogram)
    histogram.observe([bound, math.nextafter(bound, math.inf)])
    assert registry.get_sample_value("a_histogram_bucket", {"le": str(bound)}) == 1


def test_the_catalogue_names_all_that_is_there_from_the_start_and_nothing_else():
    families = {family.name: family for family in Metrics().registry.collect() if family.name.startswith("streamrank_")}
    assert families.keys() == {info.name.removesuffix("_total") for info in catalogue()}
    for info in catalogue():
        family = families[info.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (info.kind, info.meaning)


@pytest.mark.parametrize(
    ("metric", "series"),
    [
        ("streamrank_records_total", 4),
        ("streamrank_dead_letters_total", len(Reason)),
        ("streamrank_batches_total", 4),
        ("streamrank_model_loads_total", 4),
        ("streamrank_shadow_top_label_total", 2),
    ],
)
def test_counters_are_there_before_they_count_so_that_the_first_event_is_an_increase(metric: str, series: int):
    assert [value for key, value in samples(Metrics()).items() if key[0] == metric] == [0] * series


@pytest.mark.parametrize("seconds", [0.001, 0.003, 0.01, 0.1, 1.0, 10.0, 60.0, 120.0, 300.0])
def test_latencies_from_milliseconds_to_minutes_are_told_apart(seconds: float):
    assert seconds in LATENCY_BUCKETS
    steps = [after / before for before, after in pairwise(LATENCY_BUCKETS)]
    assert max(steps) <= 3


def test_every_record_counts_once_by_what_became_of_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("time.time", lambda: 1_700_000_010.0)
    metrics = Metrics()
    bad = RejectedRecord(Reason.INVALID_JSON, "bad")
    worse = RejectedRecord(Reason.MODEL_ERROR, "worse")
    metrics.consumed(run_of(0, 3, partition=1))
    metrics.consumed(run_of(3, 2, partition=1))
    metrics.confirmed(run_of(0, 3, partition=1), [b"value", bad, b"value"])
    metrics.confirmed(run_of(3, 2, partition=1), [worse, bad])
    found = samples(metrics)
    assert found["streamrank_records_consumed_total", "1", "in"] == 5
    assert found["streamrank_records_total", "published"] == 2
    assert found["streamrank_records_total", "dead_lettered"] == 3
    assert found["streamrank_dead_letters_total", "invalid_json", "decode"] == 2
    assert found["streamrank_dead_letters_total", "model_error", "predict"] == 1
    assert found["streamrank_end_to_end_seconds_count",] == 5
    assert found["streamrank_end_to_end_seconds_sum",] == 50.0
    assert found["streamrank_end_to_end_seconds_bucket", "5.0"] == 0
    assert found["streamrank_end_to_end_seconds_bucket", "10.0"] == 5


def test_records_of_one_chunk_have_ages_of_their_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("time.time", lambda: 1_700_000_100.0)
    metrics = Metrics()
    both = chunk(record(0, timestamp=1_700_000_099_000), record(1, timestamp=1_700_000_050_000))
    metrics.confirmed(both, [b"", b""])
    found = samples(metrics)
    assert found["streamrank_end_to_end_seconds_sum",] == 51.0
    assert found["streamrank_end_to_end_seconds_bucket", "1.0"] == 1


def test_a_batch_counts_its_rows_and_how_long_its_oldest_row_waited():
    metrics = Metrics()
    metrics.dispatched(Dispatch(rows=100, waited_seconds=0.25, reason="full"))
    metrics.dispatched(Dispatch(rows=1, waited_seconds=0.5, reason="free"))
    metrics.stage_took("predict", 2.0)
    found = samples(metrics)
    assert (found["streamrank_batch_rows_count",], found["streamrank_batch_rows_sum",]) == (2, 101)
    assert found["streamrank_batch_rows_bucket", "64.0"] == 1
    assert found["streamrank_stage_seconds_sum", "queue"] == 0.75
    assert found["streamrank_stage_seconds_sum", "predict"] == 2.0
    assert found["streamrank_batches_total", "full"] == found["streamrank_batches_total", "free"] == 1


def test_the_lag_of_a_partition_is_shown_until_it_is_somebody_elses():
    metrics = Metrics()
    metrics.lag("in", 0, 7, 1.5)
    metrics.lag("in", 1, 8, 2.5)
    metrics.forget_lag("in", 0)
    found = samples(metrics)
    assert [key for key in found if "lag" in key[0]] == [
        ("streamrank_consumer_lag_records", "1", "in"),
        ("streamrank_consumer_lag_seconds", "1", "in"),
    ]
    assert found["streamrank_consumer_lag_records", "1", "in"] == 8
    assert found["streamrank_consumer_lag_seconds", "1", "in"] == 2.5


def test_the_partitions_of_the_input_are_shown_whoever_reads_them():
    metrics = Metrics()
    metrics.input_partitions("in", 4)
    metrics.input_partitions("in", 6)
    assert samples(metrics)["streamrank_input_partitions", "in"] == 6


def test_what_is_in_flight_is_asked_for_at_every_scrape():
    metrics, figures = Metrics(), iter([3, 4])
    metrics.in_flight(lambda: next(figures))
    assert samples(metrics)["streamrank_in_flight_records",] == 3
    assert samples(metrics)["streamrank_in_flight_records",] == 4


def test_the_model_and_its_loads_are_told():
    metrics = Metrics()
    metrics.model_refused("failed")
    model, other = NumpyModel(), NumpyModel()
    model.version, model.fingerprint = "3", "sha256:ab"
    metrics.model_loaded(other)
    metrics.model_loaded(model)
    metrics.rebalanced()
    metrics.versions(lambda: 2, lambda: True)
    found = samples(metrics)
    told = {labels: value for labels, value in found.items() if labels[0] == "streamrank_model_info"}
    assert told == {("streamrank_model_info", "cpu", "sha256:ab", "numpy", "3"): 1}
    assert found["streamrank_model_loads_total", "loaded"] == 2
    assert found["streamrank_model_loads_total", "failed"] == 1
    assert found["streamrank_rebalances_total",] == 1
    assert time.time() - found["streamrank_model_serving_since_timestamp_seconds",] < 10
    assert found["streamrank_model_refused_versions",] == 2
    assert found["streamrank_model_trouble",] == 1


def test_being_ready_is_asked_for_at_every_scrape():
    metrics, answers = Metrics(), iter([False, True])
    metrics.ready(lambda: next(answers))
    assert samples(metrics)["streamrank_ready",] == 0
    assert samples(metrics)["streamrank_ready",] == 1


def test_the_process_tells_its_own_figures():
    assert samples(Metrics())["process_resident_memory_bytes",] > 0


def test_records_without_a_timestamp_or_from_a_clock_that_is_ahead_do_not_spoil_the_latency():
    metrics = Metrics()
    ahead = int((time.time() + 60) * 1000)
    metrics.confirmed(chunk(record(0, timestamp=-1), record(1, timestamp=ahead)), [b"", b""])
    shown = samples(metrics)
    assert shown["streamrank_end_to_end_seconds_count",] == 1
    assert shown["streamrank_end_to_end_seconds_sum",] == 0


def test_a_bucket_of_latencies_shows_the_newest_trace_in_it_to_openmetrics_only():
    metrics, now = Metrics(), time.time() * 1000
    taken = chunk(*(record(place, timestamp=int(now - age)) for place, age in enumerate((0, 1600, 1700, 999_000))))
    metrics.confirmed(taken, [b""] * 4)
    metrics.traced((each.timestamp, f"trace-{each.offset}") for each in taken)
    metrics.traced([(-1, "of no time")])
    families = read_open_metrics(open_metrics(metrics.registry).decode())
    (family,) = [each for each in families if each.name == "streamrank_end_to_end_seconds"]
    shown = {sample.labels["le"]: sample.exemplar.labels for sample in family.samples if sample.exemplar}
    slow = {limit: labels for limit, labels in shown.items() if float(limit) > 1}
    assert slow == {"2.5": {"trace_id": "trace-2"}, "+Inf": {"trace_id": "trace-3"}}
    assert {"trace_id": "trace-0"} in shown.values()
    assert b"trace" not in generate_latest(metrics.registry)

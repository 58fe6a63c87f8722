"""What Prometheus sees of the service."""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from app.agreement import Agreement
from app.batching import Dispatch
from app.errors import Reason, RejectedRecord, Stage
from app.kafka.chunk import Chunk
from app.outcome import SUPERSEDED, Outcome
from models.predictor import Predictor

# Creation times would double the number of series, and nobody asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client leaves it untyped

# From a warm model on a quiet machine (half a millisecond) to a backlog of minutes.
LATENCY_BUCKETS = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0),
)
# Below this many values a plain loop is faster than NumPy's calls.
FEW = 16
CORRELATION_BUCKETS = (-0.5, 0.0, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_BY_RECORD = {
    "streamrank_end_to_end_seconds": LATENCY_BUCKETS,
    "streamrank_shadow_rank_correlation": CORRELATION_BUCKETS,
}
ROW_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """One line of the catalogue of metrics."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


_CATALOGUE = (
    MetricInfo("streamrank_ready", "gauge", (), "1 while `/readyz` answers 200, else 0"),
    MetricInfo("streamrank_records_consumed_total", "counter", ("topic", "partition"), "records taken from the input"),
    MetricInfo(
        "streamrank_records_total",
        "counter",
        ("outcome",),
        "records done with, exactly one outcome each: `published`, `dead_lettered`, `expired`, which too may leave a "
        "dead letter, or `superseded` by a later record of the same member of a group",
    ),
    MetricInfo("streamrank_dead_letters_total", "counter", ("stage", "reason"), "records refused, by stage and reason"),
    MetricInfo(
        "streamrank_candidates_total",
        "counter",
        ("outcome",),
        "with `RANK_BY=candidates`: candidates that were `ranked`, or `dropped` because they were at fault",
    ),
    MetricInfo("streamrank_batch_rows", "histogram", (), "rows in one model call"),
    MetricInfo(
        "streamrank_batches_total",
        "counter",
        ("reason",),
        "batches, by why they left as they were: `full`, as large as the latency `target` wanted them, after "
        "`BATCH_MAX_DELAY_MS` (`delay`), or with all that waited, since the model was `free`",
    ),
    MetricInfo(
        "streamrank_stage_seconds",
        "histogram",
        ("stage",),
        "time of one chunk or batch in `decode`, `queue`, `predict`, `encode` or `publish`",
    ),
    MetricInfo(
        "streamrank_end_to_end_seconds",
        "histogram",
        (),
        "from a record's Kafka timestamp to the broker's confirmation of what became of it",
    ),
    MetricInfo("streamrank_batch_limit_rows", "gauge", (), "most rows in one model call at the moment"),
    MetricInfo(
        "streamrank_catching_up",
        "gauge",
        (),
        "1 from when the lag passes `LAG_CATCH_UP_SECONDS` until half of that is left; no latency target holds then",
    ),
    MetricInfo("streamrank_out_of_memory_total", "counter", (), "batches split because the device's memory ran out"),
    MetricInfo("streamrank_padding_rows_total", "counter", (), "rows added only to fill a batch up"),
    MetricInfo("streamrank_in_flight_records", "gauge", (), "records fetched and not yet committed"),
    MetricInfo("streamrank_input_partitions", "gauge", ("topic",), "partitions that the input topic has, read or not"),
    MetricInfo(
        "streamrank_consumer_lag_records",
        "gauge",
        ("topic", "partition"),
        "records between the committed offset and the end of the partition",
    ),
    MetricInfo(
        "streamrank_consumer_lag_seconds",
        "gauge",
        ("topic", "partition"),
        "age of the oldest record that waits, 0 when none does; grows on when fetching stops",
    ),
    MetricInfo(
        "streamrank_model_info",
        "gauge",
        ("name", "version", "device", "fingerprint"),
        "1 for the model that serves; the fingerprint is of its files",
    ),
    MetricInfo(
        "streamrank_model_loads_total",
        "counter",
        ("outcome",),
        "versions that came to serve (`loaded`) or did not: `failed`, `rejected`, `rolled_back`",
    ),
    MetricInfo(
        "streamrank_model_serving_since_timestamp_seconds",
        "gauge",
        (),
        "when this process began to rank with the version that serves",
    ),
    MetricInfo(
        "streamrank_model_refused_versions",
        "gauge",
        (),
        "versions that are newer than the one that serves, and refused until their files change",
    ),
    MetricInfo(
        "streamrank_model_trouble",
        "gauge",
        (),
        "1 while new versions cannot be looked for; `/status` tells why, as `trouble`",
    ),
    MetricInfo(
        "streamrank_model_beside_info",
        "gauge",
        ("role", "name", "version", "device", "fingerprint"),
        "1 for each model that ranks beside the one that serves, as `canary` or `shadow`",
    ),
    MetricInfo(
        "streamrank_model_rows_total",
        "counter",
        ("role", "outcome"),
        "rows that the model which is `serving`, `canary` or `shadow` has `ranked` or `refused`; of the shadow also "
        "those it `dropped` because it was behind, and rankings that stay `unpublished`",
    ),
    MetricInfo("streamrank_model_call_seconds", "histogram", ("role",), "time of one call of the model, by its role"),
    MetricInfo(
        "streamrank_shadow_top_label_total",
        "counter",
        ("agreement",),
        "rows of which the shadow and the model that serves put the `same` or a `different` label first",
    ),
    MetricInfo(
        "streamrank_shadow_rank_correlation",
        "histogram",
        (),
        "Spearman's rank correlation of their rankings of a row, from -1 to 1; buckets alone, since it may be below 0",
    ),
    MetricInfo("streamrank_standings_groups", "gauge", (), "groups whose standings are held"),
    MetricInfo("streamrank_standings_members", "gauge", (), "members of these groups"),
    MetricInfo("streamrank_rebalances_total", "counter", (), "times that the group's partitions were shared out anew"),
)


def catalogue() -> tuple[MetricInfo, ...]:
    """Every metric of the service's own, in the order of the documentation."""
    return _CATALOGUE


class RecordHistogram(Collector):
    """A histogram that takes a whole array at once: one `observe` per record would cost more than the record itself."""

    def __init__(self, info: MetricInfo, buckets: Sequence[float]) -> None:
        self._info = info
        self._limits = list(buckets)
        self._bounds = np.asarray(buckets)
        self._counts = np.zeros(len(buckets) + 1, dtype=np.int64)
        self._sum = 0.0
        self._exemplars: dict[int, Exemplar] = {}

    def observe(self, values: npt.NDArray[np.float64]) -> None:
        """Count all of *values*."""
        if len(values) < FEW:
            for value in values.tolist():
                self._counts[bisect_left(self._limits, value)] += 1
                self._sum += value
            return
        self._counts += np.bincount(np.searchsorted(self._bounds, values), minlength=len(self._counts))
        self._sum += float(values.sum())

    def exemplify(self, value: float, trace_id: str) -> None:
        """Let a *value* that was counted stand for its bucket, with the trace that tells of it, until the next one."""
        self._exemplars[bisect_left(self._limits, value)] = Exemplar({"trace_id": trace_id}, value, time.time())

    def describe(self) -> Iterator[HistogramMetricFamily]:
        """Yield the family without counts, so that it can be asked for by name."""
        yield HistogramMetricFamily(self._info.name, self._info.meaning)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the one family, with cumulated counts."""
        cumulated = self._counts.cumsum().tolist()
        bounds = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        family = HistogramMetricFamily(self._info.name, self._info.meaning)
        buckets: list[Any] = list(zip(bounds, cumulated, strict=True))
        for place, exemplar in self._exemplars.items():
            buckets[place] = (*buckets[place], exemplar)
        family.add_metric([], buckets, self._sum)
        yield family


class Metrics:
    """Counts what the pipeline, the batcher and the lag watch tell."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._made = {info.name: self._make(info) for info in _CATALOGUE}
        self._children: dict[tuple[Any, ...], Any] = {}
        self._beside: dict[str, tuple[str, ...]] = {}
        # A series that begins with 1 has not increased, as Prometheus sees it: the first event would go unnoticed.
        for outcome in ("published", "dead_lettered", "expired", "superseded"):
            self._made["streamrank_records_total"].labels(outcome)
        for reason in ("full", "target", "delay", "free"):
            self._made["streamrank_batches_total"].labels(reason)
        for outcome in ("loaded", "failed", "rejected", "rolled_back"):
            self._made["streamrank_model_loads_total"].labels(outcome)
        for agreement in ("same", "different"):
            self._made["streamrank_shadow_top_label_total"].labels(agreement)
        for refusal in Reason:
            self._made["streamrank_dead_letters_total"].labels(refusal.stage, refusal)

    def _make(self, info: MetricInfo) -> Any:
        if (buckets := _BY_RECORD.get(info.name)) is not None:
            records = RecordHistogram(info, buckets)
            self.registry.register(records)
            return records
        if info.kind == "histogram":
            buckets = ROW_BUCKETS if info.name.endswith("_rows") else LATENCY_BUCKETS
            return Histogram(info.name, info.meaning, info.labels, registry=self.registry, buckets=buckets)
        return {"counter": Counter, "gauge": Gauge}[info.kind](
            info.name, info.meaning, info.labels, registry=self.registry
        )

    def _child(self, name: str, *labels: Any) -> Any:
        """The series of a metric with these label values; looking it up in the metric itself takes a lock."""
        try:
            return self._children[name, *labels]
        except KeyError:
            child = self._children[name, *labels] = self._made[name].labels(*labels)
            return child

    # -- the pipeline

    def consumed(self, chunk: Chunk) -> None:
        """Count the records of a chunk."""
        tp = chunk.tp
        self._child("streamrank_records_consumed_total", tp.topic, tp.partition).inc(len(chunk))

    def stage_took(self, stage: str, seconds: float) -> None:
        """Count the seconds that a stage took."""
        self._child("streamrank_stage_seconds", stage).observe(seconds)

    def confirmed(self, chunk: Chunk, outcomes: Sequence[Outcome], overtaken: int = 0) -> None:
        """Count what became of a chunk's records, and of those that were *overtaken*, and how old they were by then."""
        rejected = [outcome for outcome in outcomes if isinstance(outcome, RejectedRecord)]
        expired = 0
        for rejection in rejected:
            expired += rejection.stage == Stage.EXPIRED
            if not rejection.skipped:
                self._child("streamrank_dead_letters_total", rejection.stage, rejection.reason).inc()
        if expired:
            self._child("streamrank_records_total", "expired").inc(expired)
        if len(rejected) > expired:
            self._child("streamrank_records_total", "dead_lettered").inc(len(rejected) - expired)
        if overtaken:
            self._child("streamrank_records_total", "superseded").inc(overtaken)
        superseded = sum(outcome is SUPERSEDED for outcome in outcomes)
        self._child("streamrank_records_total", "published").inc(len(outcomes) - len(rejected) - superseded)
        timestamps = np.fromiter((record.timestamp for record in chunk), dtype=np.float64, count=len(chunk))
        # Records may bear no timestamp (-1), or that of a clock that is ahead of ours.
        ages = time.time() - timestamps[timestamps >= 0] / 1000
        self._made["streamrank_end_to_end_seconds"].observe(np.maximum(ages, 0.0))

    def traced(self, records: Iterable[tuple[int, str]]) -> None:
        """Show the traces of records that were just confirmed beside how old they were: their timestamps and ids."""
        now = time.time()
        for timestamp, trace_id in records:
            if timestamp >= 0:
                self._made["streamrank_end_to_end_seconds"].exemplify(max(0.0, now - timestamp / 1000), trace_id)

    def dispatched(self, dispatch: Dispatch) -> None:
        """Count a batch as it leaves for the model."""
        self._made["streamrank_batch_rows"].observe(dispatch.rows)
        self._child("streamrank_batches_total", dispatch.reason).inc()
        self.stage_took("queue", dispatch.waited_seconds)

    # -- the model

    def batch_limit(self, rows: Callable[[], float]) -> None:
        """Ask *rows* for the figure at every scrape."""
        self._made["streamrank_batch_limit_rows"].set_function(rows)

    def catching_up(self, active: bool) -> None:
        """Tell whether batches are as large as they can be, whatever that costs in latency."""
        self._made["streamrank_catching_up"].set(active)

    def ran_out_of_memory(self) -> None:
        """Count a batch that is split because memory did not suffice for it."""
        self._made["streamrank_out_of_memory_total"].inc()

    def padded(self, rows: int) -> None:
        """Count rows that were added to a batch only to fill it up; called by any thread."""
        self._made["streamrank_padding_rows_total"].inc(rows)

    # -- the worker

    def ready(self, ready: Callable[[], float]) -> None:
        """Ask *ready* at every scrape."""
        self._made["streamrank_ready"].set_function(ready)

    def in_flight(self, records: Callable[[], float]) -> None:
        """Ask *records* for the figure at every scrape."""
        self._made["streamrank_in_flight_records"].set_function(records)

    def input_partitions(self, topic: str, count: int) -> None:
        """Tell how many partitions the input topic has, whoever reads them."""
        self._child("streamrank_input_partitions", topic).set(count)

    def lag(self, topic: str, partition: int, records: int, seconds: float) -> None:
        """Tell how far a partition is behind."""
        self._made["streamrank_consumer_lag_records"].labels(topic, partition).set(records)
        self._made["streamrank_consumer_lag_seconds"].labels(topic, partition).set(seconds)

    def forget_lag(self, topic: str, partition: int) -> None:
        """Stop telling about a partition that is somebody else's now."""
        for name in ("streamrank_consumer_lag_records", "streamrank_consumer_lag_seconds"):
            self._made[name].remove(topic, partition)

    def model_loaded(self, predictor: Predictor) -> None:
        """Count a version that was loaded, and tell that it serves from now on."""
        self._made["streamrank_model_loads_total"].labels("loaded").inc()
        self.model_serves(predictor)

    def model_serves(self, predictor: Predictor) -> None:
        """Tell which version serves from now on."""
        self._made["streamrank_model_info"].clear()
        self._made["streamrank_model_info"].labels(
            predictor.name, predictor.version, predictor.device, predictor.fingerprint
        ).set(1)
        self._made["streamrank_model_serving_since_timestamp_seconds"].set(time.time())

    def versions(self, refused: Callable[[], float], trouble: Callable[[], float]) -> None:
        """Ask for the figures at every scrape."""
        self._made["streamrank_model_refused_versions"].set_function(refused)
        self._made["streamrank_model_trouble"].set_function(trouble)

    def model_refused(self, outcome: str) -> None:
        """Count a version that does not serve: `failed`, `rejected` or `rolled_back`."""
        self._made["streamrank_model_loads_total"].labels(outcome).inc()

    def model_beside(self, role: str, predictor: Predictor | None) -> None:
        """Tell which version is the `canary` or the `shadow` from now on, if any."""
        info = self._made["streamrank_model_beside_info"]
        if (before := self._beside.pop(role, None)) is not None:
            info.remove(*before)
        if predictor is not None:
            now = role, predictor.name, predictor.version, predictor.device, predictor.fingerprint
            info.labels(*now).set(1)
            self._beside[role] = now

    def model_ranked(self, role: str, outcome: str, rows: int) -> None:
        """Count rows that a model has `ranked`, `refused` or `dropped`, or that stay `unpublished`."""
        self._child("streamrank_model_rows_total", role, outcome).inc(rows)

    def standings(self, groups: Callable[[], float], members: Callable[[], float]) -> None:
        """Ask for the figures at every scrape."""
        self._made["streamrank_standings_groups"].set_function(groups)
        self._made["streamrank_standings_members"].set_function(members)

    def candidates(self, outcome: str, count: int) -> None:
        """Count candidates that were `ranked` or `dropped`."""
        if count:
            self._child("streamrank_candidates_total", outcome).inc(count)

    def model_called(self, role: str, seconds: float) -> None:
        """Count a call of a model."""
        self._child("streamrank_model_call_seconds", role).observe(seconds)

    def shadow_agrees(self, agreement: Agreement) -> None:
        """Count how far the shadow agrees with the version that serves."""
        same = int(agreement.same_top.sum())
        for name, rows in (("same", same), ("different", len(agreement.same_top) - same)):
            if rows:
                self._child("streamrank_shadow_top_label_total", name).inc(rows)
        self._made["streamrank_shadow_rank_correlation"].observe(agreement.correlation)

    def rebalanced(self) -> None:
        """Count a rebalance."""
        self._made["streamrank_rebalances_total"].inc()

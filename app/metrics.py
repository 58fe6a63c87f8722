"""What Prometheus sees of the service."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

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

from app.agreement import Agreement
from app.batching import Dispatch
from app.catalogue import MetricInfo, catalogue
from app.errors import Reason, RejectedRecord, Stage
from app.kafka.chunk import Chunk
from app.outcome import SUPERSEDED, Outcome
from app.record_histogram import RecordHistogram
from models.predictor import Predictor

# Creation times would double the number of series, and nobody asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client leaves it untyped

# From a warm model on a quiet machine (half a millisecond) to a backlog of minutes.
LATENCY_BUCKETS = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0),
)
CORRELATION_BUCKETS = (-0.5, 0.0, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_BY_RECORD = {
    "streamrank_end_to_end_seconds": LATENCY_BUCKETS,
    "streamrank_shadow_rank_correlation": CORRELATION_BUCKETS,
}
ROW_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


class Metrics:
    """Counts what the pipeline, the batcher and the lag watch tell."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._made = {info.name: self._make(info) for info in catalogue()}
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
        now = time.time()
        # Records may bear no timestamp (-1), or that of a clock that is ahead of ours.
        ages = [max(0.0, now - record.timestamp / 1000) for record in chunk if record.timestamp >= 0]
        self._made["streamrank_end_to_end_seconds"].observe(ages)

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

    def gpu(self, device: str, memory: Callable[[], float]) -> None:
        """Ask *memory* for the bytes that are in use on *device*, at every scrape."""
        self._made["streamrank_gpu_memory_bytes"].labels(device).set_function(memory)

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

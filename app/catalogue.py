"""The metrics of the service's own, and what each means."""

from dataclasses import dataclass


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
    MetricInfo(
        "streamrank_gpu_memory_bytes",
        "gauge",
        ("device",),
        "memory of the GPU that TensorFlow has in use; without a model on a GPU there is none",
    ),
    MetricInfo("streamrank_standings_groups", "gauge", (), "groups whose standings are held"),
    MetricInfo("streamrank_standings_members", "gauge", (), "members of these groups"),
    MetricInfo("streamrank_rebalances_total", "counter", (), "times that the group's partitions were shared out anew"),
)


def catalogue() -> tuple[MetricInfo, ...]:
    """Every metric of the service's own, in the order of the documentation."""
    return _CATALOGUE

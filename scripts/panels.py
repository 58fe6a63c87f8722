"""The panels of Grafana's dashboard: what each asks, and how it is read."""

from collections.abc import Sequence
from dataclasses import dataclass

HERE = 'job=~"$job", instance=~"$instance"'
JOB = 'job=~"$job"'
RATE = "[$__rate_interval]"


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: what it shows.
        meaning: how to read it.
        queries: expressions by legend; `@` in braces stands for the chosen workers.
        unit: in Grafana's words.
        kind: `timeseries`, `stat`, `heatmap` or `table`.
        width: in columns, of 24.
        limits: from where on it is yellow and from where on red; of two, the first may be None.
        stacked: the series add up to something.
        falling: low values are the bad ones.
        label: for a stat that shows a label's text instead of a figure.
        exemplars: records whose traces are known are shown beside the figures.
    """

    title: str
    meaning: str
    queries: dict[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    limits: tuple[float | None, float | None] = (None, None)
    stacked: bool = False
    falling: bool = False
    label: bool = False
    exemplars: bool = False


def rate(metric: str, by: str = "", more: str = "") -> str:
    """The rate of a counter of the chosen workers, added up."""
    return f"sum{f' by ({by})' if by else ''} (rate({metric}{{@{more}}}{RATE}))"


def quantile(share: float, metric: str, by: str = "", more: str = "") -> str:
    """A quantile of a histogram of the chosen workers."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', labels, more)})"


def quantiles(metric: str, more: str = "") -> dict[str, str]:
    """Three quantiles of a histogram."""
    return {f"p{share * 100:g}": quantile(share, metric, more=more) for share in (0.5, 0.9, 0.99)}


def mean(metric: str, by: str = "") -> str:
    """The mean of what a histogram has counted."""
    return f"{rate(f'{metric}_sum', by)} / {rate(f'{metric}_count', by)}"


ROWS: dict[str, Sequence[Panel]] = {
    "Is it healthy?": (
        Panel(
            "Workers",
            "Workers that can be scraped.",
            {"workers": f"count(up{{{JOB}}} == 1) or vector(0)"},
            kind="stat",
            width=3,
            limits=(None, 1),
            falling=True,
        ),
        Panel(
            "Ready",
            "Workers whose /readyz answers 200: the model is warm, the group joined, the broker there.",
            {"ready": "sum(streamrank_ready{@})"},
            kind="stat",
            width=3,
            limits=(None, 1),
            falling=True,
        ),
        Panel(
            "Alerts",
            "Alerts that fire now. docs/runbooks.md tells what to do about each.",
            {"alerts": 'sum(ALERTS{alertstate="firing", alertname=~"StreamRank.*"}) or vector(0)'},
            kind="stat",
            width=3,
            limits=(None, 1),
        ),
        Panel(
            "Published",
            "Rankings published in a second.",
            {"published": rate("streamrank_records_total", more=', outcome="published"')},
            unit="reqps",
            kind="stat",
            width=3,
        ),
        Panel(
            "Latency, p99",
            "From a record's Kafka timestamp to the broker's confirmation.",
            {"p99": quantile(0.99, "streamrank_end_to_end_seconds")},
            unit="s",
            kind="stat",
            width=3,
            limits=(0.5, 1),
        ),
        Panel(
            "Lag",
            "Age of the oldest record that waits.",
            {"lag": "max(streamrank_consumer_lag_seconds{@})"},
            unit="s",
            kind="stat",
            width=3,
            limits=(10, 120),
        ),
        Panel(
            "Refused",
            "Share of the records that became dead letters, over the last 5 minutes.",
            {"refused": f'max(job_outcome:streamrank_records:ratio_rate5m{{{JOB}, outcome="dead_lettered"}})'},
            unit="percentunit",
            kind="stat",
            width=3,
            limits=(0.01, 0.05),
        ),
        Panel(
            "Model",
            "What serves. More than one line: workers differ, or are about to change.",
            {"{{name}} {{version}}": "count by (name, version) (streamrank_model_info{@})"},
            kind="stat",
            width=3,
            label=True,
        ),
        Panel(
            "Workers over time",
            "Scraped, ready, and how often workers started or the group shared its partitions out anew.",
            {
                "scraped": f"count(up{{{JOB}}} == 1) or vector(0)",
                "ready": "sum(streamrank_ready{@})",
                "starts": "sum(changes(process_start_time_seconds{@}[$__rate_interval]))",
                "rebalances": "sum(increase(streamrank_rebalances_total{@}[$__rate_interval]))",
            },
            width=12,
        ),
        Panel(
            "Alerts over time",
            "Pending ones too; empty when all is well.",
            {"{{alertname}} {{alertstate}}": 'count by (alertname, alertstate) (ALERTS{alertname=~"StreamRank.*"})'},
            width=12,
            stacked=True,
        ),
    ),
    "Traffic": (
        Panel(
            "Records in",
            "Taken from the input, by topic.",
            {"{{topic}}": rate("streamrank_records_consumed_total", "topic")},
            unit="reqps",
        ),
        Panel(
            "Records out, by outcome",
            "What became of them, each counted once when the broker has confirmed it. `superseded` ones were left "
            "out for a newer one of the same member (conflation).",
            {"{{outcome}}": rate("streamrank_records_total", "outcome")},
            unit="reqps",
            stacked=True,
        ),
        Panel(
            "Shares of outcomes",
            "Over 5 minutes; all but `published`.",
            {"{{job}} {{outcome}}": f'job_outcome:streamrank_records:ratio_rate5m{{{JOB}, outcome!="published"}}'},
            unit="percentunit",
            limits=(None, 0.05),
        ),
        Panel(
            "Candidates",
            "With RANK_BY=candidates: the entries of the records' lists.",
            {"{{outcome}}": rate("streamrank_candidates_total", "outcome")},
            unit="cps",
        ),
        Panel(
            "Standings",
            "With RANK_BY=standings: groups and members that are held in memory.",
            {"groups": "sum(streamrank_standings_groups{@})", "members": "sum(streamrank_standings_members{@})"},
        ),
        Panel(
            "In flight",
            "Records fetched and not yet committed; at its bound nothing is fetched (IN_FLIGHT_MAX_RECORDS).",
            {"{{instance}}": "streamrank_in_flight_records{@}"},
        ),
    ),
    "Is it behind?": (
        Panel(
            "Lag in seconds",
            "Age of the oldest record that waits, by partition. A straight line up: nothing moves at all.",
            {"{{topic}} {{partition}}": "max by (topic, partition) (streamrank_consumer_lag_seconds{@})"},
            unit="s",
            limits=(10, 120),
        ),
        Panel(
            "Lag in records",
            "Between what is committed and the end, by partition.",
            {"{{topic}} {{partition}}": "max by (topic, partition) (streamrank_consumer_lag_records{@})"},
        ),
        Panel(
            "Gain on the lag",
            "Records done with less records that came in, in a second. Below 0 the lag grows.",
            {"gain": "-sum(deriv(streamrank_consumer_lag_records{@}[$__rate_interval]))"},
            unit="reqps",
        ),
        Panel(
            "Catching up",
            "1: so far behind that throughput goes before BATCH_TARGET_LATENCY_MS.",
            {"{{instance}}": "streamrank_catching_up{@}"},
        ),
        Panel(
            "Partitions",
            "Those that some worker reads, and all of the input topic. Fewer: records of the others wait for nobody.",
            {
                "{{job}} read": f"job:streamrank_partitions:count{{{JOB}}}",
                "{{topic}} has": "max by (topic) (streamrank_input_partitions{@})",
            },
        ),
        Panel(
            "Partitions of each worker",
            "How the group shares them.",
            {"{{instance}}": "count by (instance) (streamrank_consumer_lag_records{@})"},
            stacked=True,
        ),
    ),
    "Latency": (
        Panel(
            "From record to confirmation",
            "The darker, the more records took so long.",
            {"{{le}}": "sum by (le) (increase(streamrank_end_to_end_seconds_bucket{@}[$__rate_interval]))"},
            unit="s",
            kind="heatmap",
            width=12,
        ),
        Panel(
            "Quantiles",
            "From record to confirmation, and what was promised. Points: records that were traced.",
            quantiles("streamrank_end_to_end_seconds") | {"target": "streamrank:end_to_end_seconds:p99_target"},
            unit="s",
            width=12,
            exemplars=True,
        ),
        Panel(
            "Stage $stage",
            "Of one chunk or batch; the stage is chosen at the top.",
            {"{{le}}": 'sum by (le) (increase(streamrank_stage_seconds_bucket{@, stage=~"$stage"}[$__rate_interval]))'},
            unit="s",
            kind="heatmap",
            width=12,
        ),
        Panel(
            "Stages, p99",
            "Of one chunk or batch.",
            {"{{stage}}": quantile(0.99, "streamrank_stage_seconds", "stage")},
            unit="s",
            width=6,
        ),
        Panel(
            "Busy in each stage",
            "Seconds spent in a second; stages overlap, and several chunks are in each. `queue` and `publish` wait.",
            {"{{stage}}": rate("streamrank_stage_seconds_sum", "stage")},
            unit="none",
            width=6,
        ),
    ),
    "Batches": (
        Panel(
            "Rows of a batch",
            "The darker, the more batches had so many rows.",
            {"{{le}}": "sum by (le) (increase(streamrank_batch_rows_bucket{@}[$__rate_interval]))"},
            kind="heatmap",
        ),
        Panel(
            "Rows, mean and limit",
            "The limit sinks for a while when memory does not suffice.",
            {"mean": mean("streamrank_batch_rows"), "limit": "max(streamrank_batch_limit_rows{@})"},
        ),
        Panel(
            "Dispatch",
            "Batches in a second, by why they left as they were: full, as large as the latency target wanted them, "
            "the delay had passed, or there was no more and the model was free.",
            {"{{reason}}": rate("streamrank_batches_total", "reason")},
            unit="ops",
            stacked=True,
        ),
        Panel(
            "Wait in the queue",
            "Of a batch's oldest row, for a free place at the model.",
            quantiles("streamrank_stage_seconds", ', stage="queue"'),
            unit="s",
        ),
        Panel(
            "Padding",
            "Share of the rows that only fill batches up to BATCH_ALLOWED_SIZES or the model's own size.",
            {
                "padding": f"{rate('streamrank_padding_rows_total')} / "
                f"({rate('streamrank_padding_rows_total')} + {rate('streamrank_batch_rows_sum')})"
            },
            unit="percentunit",
            limits=(0.5, None),
        ),
        Panel(
            "Out of memory",
            "Batches that were split because the device's memory did not suffice.",
            {"{{instance}}": "increase(streamrank_out_of_memory_total{@}[$__rate_interval])"},
            limits=(None, 1),
        ),
    ),
    "Is it right?": (
        Panel(
            "Dead letters, by reason",
            "In a second. `streamrank dead-letters list` shows them.",
            {"{{stage}}: {{reason}}": f"{rate('streamrank_dead_letters_total', 'stage, reason')} > 0"},
            unit="cps",
            stacked=True,
        ),
        Panel(
            "Dead letters in the time shown",
            "By stage and reason.",
            {"": "sum by (stage, reason) (increase(streamrank_dead_letters_total{@}[$__range])) > 0"},
            kind="table",
        ),
        Panel(
            "Rows, by model and what it did",
            "`refused` ones became dead letters, or, when the canary refused them, were ranked by the one that serves.",
            {"{{role}} {{outcome}}": rate("streamrank_model_rows_total", "role, outcome")},
            unit="cps",
        ),
        Panel(
            "Versions",
            "Workers by the version that serves; a swap shows as one line going over into another.",
            {
                "{{name}} {{version}}": "count by (name, version) (streamrank_model_info{@})",
                "{{role}} {{version}}": "count by (role, version) (streamrank_model_beside_info{@})",
            },
            stacked=True,
        ),
        Panel(
            "Loads",
            "Versions that came to serve, and those that did not: they failed, did not fit, or did worse and were "
            "taken back.",
            {"{{outcome}}": "sum by (outcome) (increase(streamrank_model_loads_total{@}[$__rate_interval]))"},
        ),
        Panel(
            "Newer versions that are refused",
            "Above 0: an old version serves. /status tells why.",
            {
                "{{instance}} refused": "streamrank_model_refused_versions{@}",
                "{{instance}} trouble": "streamrank_model_trouble{@}",
            },
            limits=(None, 1),
        ),
        Panel(
            "Serves since",
            "How long ago each worker began to rank with its version; a restart begins anew.",
            {"{{instance}}": "time() - streamrank_model_serving_since_timestamp_seconds{@}"},
            unit="s",
        ),
        Panel(
            "Calls of the model, p99",
            "By role.",
            {"{{role}}": quantile(0.99, "streamrank_model_call_seconds", "role")},
            unit="s",
        ),
        Panel(
            "Shadow: same label first",
            "Share of the rows for which it and the version that serves agree on the first place.",
            {
                "agreement": rate("streamrank_shadow_top_label_total", more=', agreement="same"')
                + f" / {rate('streamrank_shadow_top_label_total')}"
            },
            unit="percentunit",
            limits=(0.95, 0.8),
            falling=True,
        ),
        Panel(
            "Shadow: rank correlation",
            "Spearman's, of a row's two rankings; 1 is the same order. A tenth of the rows is below p10.",
            {
                "p10": quantile(0.1, "streamrank_shadow_rank_correlation"),
                "p50": quantile(0.5, "streamrank_shadow_rank_correlation"),
            },
        ),
    ),
    "Process": (
        Panel(
            "CPU",
            "Cores in use.",
            {"{{instance}}": "rate(process_cpu_seconds_total{@}[$__rate_interval])"},
        ),
        Panel("Memory", "Resident.", {"{{instance}}": "process_resident_memory_bytes{@}"}, unit="bytes"),
        Panel(
            "GPU memory",
            "What TensorFlow has in use, not what it has set aside. Without a model on a GPU there is nothing.",
            {"{{instance}} {{device}}": "streamrank_gpu_memory_bytes{@}"},
            unit="bytes",
        ),
        Panel(
            "Open files",
            "Sockets too.",
            {"{{instance}}": "process_open_fds{@}", "{{instance}} at most": "process_max_fds{@}"},
        ),
        Panel(
            "Garbage collections",
            "In a second, by generation. The third stops everything for a moment.",
            {"{{generation}}": rate("python_gc_collections_total", "generation")},
            unit="ops",
        ),
        Panel(
            "Up since",
            "When each worker started.",
            {"{{instance}}": "time() - process_start_time_seconds{@}"},
            unit="s",
        ),
    ),
}

"""Write Grafana's dashboard, `config/grafana/dashboards/streamrank.json`."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DASHBOARD = Path(__file__).resolve().parent.parent / "config" / "grafana" / "dashboards" / "streamrank.json"
DATASOURCE = "streamrank-prometheus"  # the uid in config/grafana/provisioning/datasources/prometheus.yml
COLUMNS = 24
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
            "That some worker reads. Fewer than before: records of the others wait for nobody.",
            {"{{job}}": f"job:streamrank_partitions:count{{{JOB}}}"},
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
            "From record to confirmation, and what was promised.",
            quantiles("streamrank_end_to_end_seconds") | {"target": "streamrank:end_to_end_seconds:p99_target"},
            unit="s",
            width=12,
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


def dashboard() -> dict[str, Any]:
    """Return the whole of it, as Grafana imports it."""
    return {
        "uid": "streamrank",
        "title": "StreamRank",
        "description": "Is it healthy, is it behind, is it right?",
        "tags": ["streamrank"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "timezone": "browser",
        "templating": {"list": list(_variables())},
        "annotations": {"list": [_swaps()]},
        "links": [],
        "panels": list(_panels()),
    }


def text() -> str:
    """Return the file's text."""
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


def _source() -> dict[str, str]:
    return {"type": "prometheus", "uid": "${datasource}"}


def _variables() -> Iterator[dict[str, Any]]:
    yield {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "current": {"text": "Prometheus", "value": DATASOURCE},
    }
    everything = {"text": "All", "value": "$__all"}
    asked = (
        ("job", "Job", "label_values(streamrank_ready, job)", everything),
        ("instance", "Worker", 'label_values(streamrank_ready{job=~"$job"}, instance)', everything),
        (
            "stage",
            "Stage",
            'label_values(streamrank_stage_seconds_count{job=~"$job"}, stage)',
            {"text": "predict", "value": "predict"},
        ),
    )
    for name, label, query, current in asked:
        yield {
            "name": name,
            "label": label,
            "type": "query",
            "datasource": _source(),
            "query": {"query": query, "refId": name},
            "definition": query,
            "refresh": 2,
            "sort": 1,
            "multi": current is everything,
            "includeAll": current is everything,
            "allValue": ".+" if current is everything else None,
            "current": current,
        }


def _swaps() -> dict[str, Any]:
    return {
        "name": "Version swaps",
        "datasource": _source(),
        "enable": True,
        "iconColor": "purple",
        "expr": f"changes(streamrank_model_serving_since_timestamp_seconds{{{HERE}}}[1m]) > 0",
        "titleFormat": "Another version serves",
        "textFormat": "{{instance}}",
        "step": "30s",
    }


def _panels() -> Iterator[dict[str, Any]]:
    number, top = 0, 0
    for title, panels in ROWS.items():
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1},
        }
        top += 1
        left = tallest = 0
        for panel in panels:
            height = 4 if panel.kind == "stat" else 8
            if left + panel.width > COLUMNS:
                left, top, tallest = 0, top + tallest, 0
            number += 1
            yield _panel(panel, number, {"x": left, "y": top, "w": panel.width, "h": height})
            left, tallest = left + panel.width, max(tallest, height)
        top += tallest


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.meaning,
        "datasource": _source(),
        "gridPos": place,
        "targets": list(_targets(panel)),
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    }


def _targets(panel: Panel) -> Iterator[dict[str, Any]]:
    for place, (legend, expression) in enumerate(panel.queries.items()):
        target = {
            "refId": chr(ord("A") + place),
            "datasource": _source(),
            "expr": expression.replace("@", HERE),
            "legendFormat": legend,
        }
        if panel.kind == "table":
            target |= {"instant": True, "format": "table"}
        elif panel.kind == "heatmap":
            target |= {"format": "heatmap"}
        yield target


def _defaults(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": _steps(panel)}}
    if panel.kind == "timeseries":
        defaults["custom"] = {
            "fillOpacity": 20 if panel.stacked else 5,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stacked else "none"},
            "thresholdsStyle": {"mode": "off" if panel.limits == (None, None) else "dashed"},
        }
    if panel.unit == "percentunit":
        defaults |= {"min": 0, "max": 1} if panel.falling else {"min": 0}
    return defaults


def _steps(panel: Panel) -> list[dict[str, Any]]:
    yellow, red = panel.limits
    if panel.falling:
        steps = [{"color": "red", "value": None}]
        if yellow is not None:
            steps.append({"color": "yellow", "value": red})
        return [*steps, {"color": "green", "value": red if yellow is None else yellow}]
    steps = [{"color": "green", "value": None}]
    steps += [{"color": color, "value": at} for color, at in (("yellow", yellow), ("red", red)) if at is not None]
    return steps


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        newest = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"reduceOptions": newest, "colorMode": "value", "textMode": "name" if panel.label else "value"}
    if panel.kind == "heatmap":
        return {
            "calculate": False,
            "cellGap": 1,
            "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
            "yAxis": {"unit": panel.unit},
            "tooltip": {"mode": "single"},
        }
    if panel.kind == "table":
        return {"sortBy": [{"displayName": "Value", "desc": True}]}
    return {"tooltip": {"mode": "multi", "sort": "desc"}, "legend": {"displayMode": "list", "placement": "bottom"}}


def main() -> int:
    """Write the file, or with --check say whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 when it is out of date")
    check = parser.parse_args().check
    stale = not DASHBOARD.exists() or DASHBOARD.read_text(encoding="utf-8") != text()
    if stale and check:
        sys.stderr.write(f"{DASHBOARD.name} is out of date: run make docs\n")
    elif stale:
        DASHBOARD.parent.mkdir(parents=True, exist_ok=True)
        DASHBOARD.write_text(text(), encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())

"""Write Grafana's dashboard, `config/grafana/dashboards/streamrank.json`."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.panels import HERE, ROWS, Panel

DASHBOARD = Path(__file__).resolve().parent.parent / "config" / "grafana" / "dashboards" / "streamrank.json"
DATASOURCE = "streamrank-prometheus"  # the uid in config/grafana/provisioning/datasources/prometheus.yml
COLUMNS = 24


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
        ("job", "Job", 'label_values(up{app="streamrank"}, job)', everything),
        ("instance", "Worker", 'label_values(up{app="streamrank", job=~"$job"}, instance)', everything),
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
            # Grafana puts in all that it lists; `.+` would be the jobs of others, too.
            "allValue": None,
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
        if panel.exemplars and place == 0:  # the same for all of them
            target |= {"exemplar": True}
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

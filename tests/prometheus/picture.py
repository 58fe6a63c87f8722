"""A page that draws what the panels of the dashboard would show: plain charts, no Grafana."""

import re
from html import escape
from typing import Any

from tests.prometheus.panels import dashboard, filled_in, first_shown, queries
from tests.prometheus.server import Prometheus

Series = list[tuple[str, list[tuple[float, float]]]]

WIDTH, HEIGHT = 300, 100
CELL = 60  # pixels of a column of the grid, and of a line
COLOURS = ("#3274d9", "#e0752d", "#56a64b", "#a352cc", "#e02f44", "#2f9da8", "#b8860b", "#777777")
STYLE = """
body { margin: 0; font: 12px sans-serif; background: #fff }
main { position: relative }
h2 { position: absolute; margin: 0; font-size: 15px }
figure { position: absolute; margin: 0; padding: 4px; box-sizing: border-box; border: 1px solid #ccc; overflow: hidden }
figcaption { font-weight: bold }
svg { width: 100%; height: 55% }
p { margin: 2px 0 } .stat { font-size: 22px } .empty { background: #eee }
"""


def picture(server: Prometheus, start: float, end: float) -> str:
    """Return the page, with the data between two times."""
    parts = []
    variables = first_shown(server.label_values)
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        left, top = place["x"] * CELL, place["y"] * CELL // 2
        width, height = place["w"] * CELL, place["h"] * CELL // 2
        if panel["type"] == "row":
            parts.append(f'<h2 style="left:{left}px;top:{top + 8}px">{escape(panel["title"])}</h2>')
            continue
        series = _series(server, panel, variables, start, end)
        parts.append(
            f'<figure class="{"" if series else "empty"}"'
            f' style="left:{left}px;top:{top}px;width:{width}px;height:{height}px">'
            f"<figcaption>{escape(panel['title'])}</figcaption>{_drawn(panel, series, start, end)}</figure>"
        )
    last = dashboard()["panels"][-1]["gridPos"]
    bottom = (last["y"] + last["h"]) * CELL // 2
    style = f"{STYLE}main {{ height: {bottom}px }}"
    return f"<!doctype html><meta charset=utf-8><style>{style}</style><main>{''.join(parts)}</main>"


def _series(server: Prometheus, panel: dict[str, Any], variables: dict[str, str], start: float, end: float) -> Series:
    found = []
    for query in queries(panel):
        for labels, points in server.ranges(filled_in(query.expression, variables), start, end):
            if points:
                found.append((_named(query.legend, labels), points))
    return found


def _named(legend: str, labels: dict[str, str]) -> str:
    if not legend:
        return " ".join(labels.values())
    return re.sub(r"{{(\w+)}}", lambda name: labels.get(name[1], ""), legend)


def _drawn(panel: dict[str, Any], series: Series, start: float, end: float) -> str:
    unit = panel["fieldConfig"]["defaults"]["unit"]
    if not series:
        return "<p>no data in this mode</p>"
    if panel["type"] == "stat":
        by_name = panel["options"]["textMode"] == "name"
        texts = [name if by_name else _value(points[-1][1], unit) for name, points in series]
        return "".join(f"<p class=stat>{escape(text)}</p>" for text in texts)
    if panel["type"] == "table":
        return "".join(f"<p>{escape(name)}: {_value(points[-1][1], unit)}</p>" for name, points in series)
    if panel["type"] == "heatmap":
        return _heat_map(series, start, end)
    return _lines(series, start, end, unit)


def _lines(series: Series, start: float, end: float, unit: str) -> str:
    values = [value for _, points in series for _, value in points]
    low, high = min(0.0, *values), max(*values, 1e-9)
    drawn, legend = [], []
    for place, (name, points) in enumerate(series):
        colour = COLOURS[place % len(COLOURS)]
        path = " ".join(
            f"{(at - start) / (end - start) * WIDTH:.1f},{HEIGHT - (value - low) / (high - low) * HEIGHT:.1f}"
            for at, value in points
        )
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" vector-effect="non-scaling-stroke"/>')
        legend.append(f'<span style="color:{colour}">{escape(name)} {_value(points[-1][1], unit)}</span>')
    return f"<p>up to {_value(high, unit)}</p>{_svg(drawn)}<p>{', '.join(legend)}</p>"


def _heat_map(series: Series, start: float, end: float) -> str:
    """Buckets upwards, time to the right; what Prometheus gives is cumulated over the buckets."""
    bounds = sorted(series, key=lambda each: float(each[0]))
    cells, below = [], dict[float, float]()
    counts = []
    for _, points in bounds:
        counts.append([(at, value - below.get(at, 0.0)) for at, value in points])
        below = dict(points)
    most = max((value for line in counts for _, value in line), default=0) or 1
    step, line_height = WIDTH / (end - start), HEIGHT / len(counts)
    for place, line in enumerate(counts):
        for at, value in line:
            if value > 0:
                x, y = (at - start) * step, HEIGHT - (place + 1) * line_height
                cells.append(
                    f'<rect x="{x:.1f}" y="{y:.1f}" width="{step:.1f}" height="{line_height:.1f}"'
                    f' fill="#e0752d" fill-opacity="{max(0.1, value / most):.2f}"/>'
                )
    return f"{_svg(cells)}<p>{escape(bounds[0][0])} to {escape(bounds[-1][0])}</p>"


def _svg(parts: list[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">{"".join(parts)}</svg>'


def _value(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{value:.1%}"
    if unit == "bytes":
        return f"{value / 2**20:,.0f} MiB"
    return f"{value:,.3g}{' s' if unit == 's' else '/s' if unit in ('reqps', 'cps', 'ops') else ''}"

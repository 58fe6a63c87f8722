"""The panels of the dashboard, as Grafana reads them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.prometheus.rules import CONFIG

DASHBOARD = CONFIG / "grafana" / "dashboards" / "streamrank.json"
# What Grafana would put in: everything chosen, as is first shown.
VARIABLES = {
    "$job": ".+",
    "$instance": ".+",
    "$stage": "predict",
    "$__rate_interval": "5m",
    "$__range": "5m",
}


@dataclass(frozen=True)
class Query:
    """One expression of a panel, variables put in."""

    panel: str
    legend: str
    expression: str

    def __str__(self) -> str:
        return f"{self.panel}: {self.legend}"


def dashboard() -> dict[str, Any]:
    """The whole of it."""
    return json.loads(DASHBOARD.read_text())


def panels() -> list[dict[str, Any]]:
    """The panels, without the rows that head them."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def queries(panel: dict[str, Any]) -> Iterator[Query]:
    """Yield a panel's expressions."""
    for target in panel["targets"]:
        yield Query(panel["title"], target["legendFormat"], filled_in(target["expr"]))


def filled_in(expression: str) -> str:
    """Put in what Grafana would."""
    # The longest first: one name may begin with another.
    for name, value in sorted(VARIABLES.items(), key=lambda each: -len(each[0])):
        expression = expression.replace(name, value)
    return expression

"""The panels of the dashboard, as Grafana reads them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.prometheus.rules import CONFIG

DASHBOARD = CONFIG / "grafana" / "dashboards" / "streamrank.json"
TIMES = {"$__rate_interval": "5m", "$__range": "5m"}


@dataclass(frozen=True)
class Query:
    """One expression of a panel, with its variables."""

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
        yield Query(panel["title"], target["legendFormat"], target["expr"])


def choices(values: Callable[[str, str], list[str]]) -> dict[str, list[str]]:
    """What can be chosen for each variable; *values* tells those of a label of the series that a selector finds."""
    listed: dict[str, list[str]] = {}
    for variable in _variables():
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
        assert found, variable
        listed[variable["name"]] = values(filled_in(found[1], _chosen(listed)), found[2])
    return listed


def first_shown(values: Callable[[str, str], list[str]]) -> dict[str, str]:
    """What Grafana puts in at first, for each variable."""
    return _chosen(choices(values)) | TIMES


def _variables() -> list[dict[str, Any]]:
    return [each for each in dashboard()["templating"]["list"] if each["type"] == "query"]


def _chosen(listed: Mapping[str, list[str]]) -> dict[str, str]:
    chosen = {}
    for variable in _variables():
        if variable["name"] in listed:
            value = variable["current"]["value"]
            each = "|".join(re.escape(one).replace("\\", "\\\\") for one in listed[variable["name"]])
            every = variable["allValue"] or f"({each})"
            chosen[f"${variable['name']}"] = every if value == "$__all" else value
    return chosen


def filled_in(expression: str, variables: Mapping[str, str]) -> str:
    """Put in what Grafana would."""
    # The longest first: one name may begin with another.
    for name, value in sorted(variables.items(), key=lambda each: -len(each[0])):
        expression = expression.replace(name, value)
    return expression

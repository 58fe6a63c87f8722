"""The configuration, the rules and what belongs to each alert."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
import yaml

from app.catalogue import catalogue
from tests.prometheus.programs import promtool
from tests.prometheus.rules import CONFIG, RULE_FILES, alerts, hurried, metrics_in, recordings, rules

HERE = Path(__file__).parent
RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks.md"
UNIT_TESTS = HERE / "alerts.test.yml"
SECONDS = {"s": 1, "m": 60, "h": 3600}
# Behind a comparison or a parenthesis a threshold, a quantile or a target; in brackets a window; after `for` a wait.
NUMBER = re.compile(r"(?:(?<=[<>=] )|(?<=\()|(?<=\[)|(?<=for: ))(\d+(?:\.\d+)?)([smh]?)\b")
# Of Prometheus's own making, or of every process's.
OTHERS = {
    *("up", "ALERTS"),
    *("process_start_time_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes"),
}


def names() -> set[str]:
    """Every name that a sample of the service's own metrics can have."""
    ends = {"histogram": ("_bucket", "_sum", "_count")}
    return {info.name + end for info in catalogue() for end in ends.get(info.kind, ("",))}


def sections() -> dict[str, str]:
    """The sections of the runbooks by heading."""
    _, *parts = re.split(r"^## ", RUNBOOKS.read_text(), flags=re.MULTILINE)
    return dict(part.split("\n", 1) for part in parts)


def askers(name: str) -> set[str]:
    """The alerts that ask for what is recorded under a name, by themselves or by other recorded figures."""
    wanted = {name}
    for other, expression in recordings().items():  # in the order in which they are built upon each other
        if metrics_in(expression) & wanted:
            wanted.add(other)
    return {alert for alert, rule in alerts().items() if metrics_in(rule["expr"]) & wanted}


def mutations(text: str, begin: str, end: str) -> Iterator[tuple[str, str]]:
    """Yield rules in which one number between two marks is another, after what it is now.

    Counts move by one at least, for half a worker more is no other threshold.
    """
    start = text.index(begin)
    stop = text.find(end, start + len(begin))
    for place in NUMBER.finditer(text, start, len(text) if stop < 0 else stop):
        value, unit = float(place[1]), place[2]
        step = value / 2 if unit or value % 1 else max(1, value / 2)
        for other in (value - step, value + step):
            written = f"{other * SECONDS[unit]:g}s" if unit else f"{other:g}"
            yield f"{written} for {place[0]}", f"{text[: place.start()]}{written}{text[place.end() :]}"


def unit_tests(chosen: Collection[str], folder: Path) -> Path:
    """Write the unit tests of some alerts to *folder*, where the rules lie, too."""
    tests = yaml.safe_load(UNIT_TESTS.read_text())
    tests["rule_files"] = list(RULE_FILES)
    tests["tests"] = [
        {**test, "alert_rule_test": own}
        for test in tests["tests"]
        if (own := [each for each in test["alert_rule_test"] if each["alertname"] in chosen])
    ]
    (folder / "tests.yml").write_text(yaml.safe_dump(tests))
    return folder / "tests.yml"


def expectations() -> dict[str, set[bool]]:
    """For each alert what its unit tests expect: that it fires, that it does not."""
    expected: dict[str, set[bool]] = {}
    for test in yaml.safe_load(UNIT_TESTS.read_text())["tests"]:
        for each in test["alert_rule_test"]:
            expected.setdefault(each["alertname"], set()).add(bool(each.get("exp_alerts")))
    return expected


@pytest.mark.usefixtures("needs_prometheus")
def test_prometheus_takes_the_configuration_and_the_rules_beside_it():
    status, said = promtool("check", "config", CONFIG / "prometheus.yml")
    assert status == 0, said
    assert f"SUCCESS: {len(list(rules())) - len(alerts())} rules found" in said
    assert f"SUCCESS: {len(alerts())} rules found" in said


@pytest.mark.usefixtures("needs_prometheus")
def test_every_alert_fires_when_it_should_and_says_what_it_should():
    status, said = promtool("test", "rules", UNIT_TESTS)
    assert status == 0, said


@pytest.mark.usefixtures("needs_prometheus")
@pytest.mark.parametrize("alert", alerts())
def test_an_alert_of_which_a_number_moves_fails_its_unit_tests(alert: str, tmp_path: Path):
    """Thresholds, windows and waits are held by tests: half as much, or half as much again, fails one of them."""
    text = (CONFIG / "alerts.yml").read_text()
    (tmp_path / "recording.yml").write_text((CONFIG / "recording.yml").read_text())
    tests = unit_tests({alert}, tmp_path)
    for what, moved in mutations(text, f"- alert: {alert}\n", "labels:"):
        (tmp_path / "alerts.yml").write_text(moved)
        status, _ = promtool("test", "rules", tests)
        assert status != 0, f"{alert} may as well have {what}"


@pytest.mark.usefixtures("needs_prometheus")
@pytest.mark.parametrize("name", [name for name in recordings() if askers(name)])
def test_a_recorded_figure_of_which_a_number_moves_fails_the_unit_tests_of_its_alerts(name: str, tmp_path: Path):
    text = (CONFIG / "recording.yml").read_text()
    (tmp_path / "alerts.yml").write_text((CONFIG / "alerts.yml").read_text())
    tests = unit_tests(askers(name), tmp_path)
    for what, moved in mutations(text, f"- record: {name}\n", "- record:"):
        (tmp_path / "recording.yml").write_text(moved)
        status, _ = promtool("test", "rules", tests)
        assert status != 0, f"{name} may as well have {what}"


def test_every_alert_has_unit_tests_in_which_it_fires_and_in_which_it_does_not():
    assert expectations() == {alert: {True, False} for alert in alerts()}


def test_every_alert_has_its_runbook_and_no_other_has_one():
    told = {heading for heading in sections() if heading.startswith("StreamRank")}
    assert told == set(alerts())
    for alert, rule in alerts().items():
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{alert.lower()}"


@pytest.mark.parametrize("alert", alerts())
def test_a_runbook_tells_what_it_means_how_to_look_and_what_to_do(alert: str):
    text = sections()[alert]
    assert re.findall(r"^\*\*(.*?)\.\*\*", text, re.MULTILINE) == ["It means", "Look", "Do"]
    assert "```" in text


@pytest.mark.parametrize("alert", alerts())
def test_an_alert_says_how_bad_it_is_and_what_is_the_matter(alert: str):
    rule = alerts()[alert]
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}


def test_rules_and_runbooks_ask_for_metrics_that_there_are():
    known = names() | OTHERS | recordings().keys()
    queries = re.findall(r"^```promql\n(.*?)^```", RUNBOOKS.read_text(), re.MULTILINE | re.DOTALL)
    assert queries
    for expression in [*(rule["expr"] for rule in rules()), *queries]:
        assert metrics_in(expression) <= known, expression
    assert metrics_in('sum by (job) (rate(streamrank_unknown{job="up"}[5m]))') == {"streamrank_unknown"}


def test_rules_in_a_hurry_differ_in_their_times_only():
    assert hurried("expr: rate(a_total[5m]) > 120\nfor: 1m", 12) == "expr: rate(a_total[25s]) > 120\nfor: 5s"
    assert hurried("changes(b[10m])\nfor: 10s", 12) == "changes(b[50s])\nfor: 2s"
    assert hurried("changes(b[10m])\nfor: 1h", 60, windows=False) == "changes(b[10m])\nfor: 60s"

"""The configuration, the rules and what belongs to each alert."""

import re
from pathlib import Path

import pytest
import yaml

from app.metrics import catalogue
from tests.prometheus.programs import promtool
from tests.prometheus.rules import CONFIG, RULE_FILES, alerts, hurried, metrics_in, recordings, rules

HERE = Path(__file__).parent
RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks.md"
UNIT_TESTS = HERE / "alerts.test.yml"
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


def unit_tests(alert: str, folder: Path) -> Path:
    """Write the unit tests of one alert to *folder*, where the rules lie, too."""
    tests = yaml.safe_load(UNIT_TESTS.read_text())
    tests["rule_files"] = list(RULE_FILES)
    tests["tests"] = [
        {**test, "alert_rule_test": own}
        for test in tests["tests"]
        if (own := [each for each in test["alert_rule_test"] if each["alertname"] == alert])
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
def test_an_alert_whose_threshold_moves_fails_its_unit_tests(alert: str, tmp_path: Path):
    """Every number of an expression is held by a test: moved up or down a lot, one of them fails."""
    text = (CONFIG / "alerts.yml").read_text()
    rule = alerts()[alert]
    begin = text.index(f"- alert: {alert}\n")
    number = re.compile(r"(?<=[<>=] )\d+(?:\.\d+)?")
    (tmp_path / "recording.yml").write_text((CONFIG / "recording.yml").read_text())
    tests = unit_tests(alert, tmp_path)
    # Without one it compares with another series, and the tests have series on both sides of that.
    for place in number.finditer(text, begin, text.index("labels:", begin)):
        value = float(place[0])
        for other in (value * 100 + 5000, value / 100 - 1):
            moved = f"{text[: place.start()]}{other:g}{text[place.end() :]}"
            (tmp_path / "alerts.yml").write_text(moved)
            status, _ = promtool("test", "rules", tests)
            assert status != 0, f"{rule['expr']}: {place[0]} may as well be {other:g}"


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

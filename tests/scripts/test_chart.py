import json
import re
import tomllib

import pytest

from config.errors import SettingsError
from config.settings import VARIABLES, load_settings
from scripts import chart

VERSION = tomllib.loads((chart.ROOT / "pyproject.toml").read_text())["project"]["version"]
GIVEN = {"INPUT_TOPIC": "in", "OUTPUT_TOPIC": "out", "MODEL_PATH": "/models/digits"}


def settings() -> dict[str, dict[str, object]]:
    return json.loads(chart.schema(chart.SCHEMA_FILE.read_text()))["properties"]["settings"]["properties"]


def test_another_version_is_written_into_the_chart() -> None:
    old = chart.CHART_FILE.read_text().replace(VERSION, "0.0.9")

    assert "0.0.9" in old
    assert chart.chart(old) == chart.CHART_FILE.read_text()


def test_the_schema_is_written_once_and_keeps_what_is_no_setting() -> None:
    whole = json.loads(chart.SCHEMA_FILE.read_text())
    del whole["properties"]["settings"]["properties"]["RANK_BY"]

    assert chart.schema(json.dumps(whole)) == chart.SCHEMA_FILE.read_text()


def test_a_variable_that_takes_certain_words_takes_no_other() -> None:
    assert settings()["PROCESSING_GUARANTEE"]["enum"] == ["at_least_once", "exactly_once", None]
    # Upper and lower case are the same there, which an enumeration cannot say.
    assert "enum" not in settings()["LOG_LEVEL"]


def test_every_setting_of_the_schema_is_described_as_in_the_readme() -> None:
    assert {name: each["description"] for name, each in settings().items()} == {
        name: VARIABLES[name].meaning for name in settings()
    }


def test_the_table_of_values_has_the_default_and_the_meaning_of_each() -> None:
    rows = {name: (default, meaning) for name, default, meaning in chart.values()}

    assert rows["kafka.tls.caKey"] == ('"ca.crt"', "The key of the authorities in it.")
    assert rows["model.volume"][0] == "{}"
    assert not any(name.startswith(("settings", "global")) for name in rows)


@pytest.mark.parametrize("servers", ["kafka:9092", "a-1.b:9092,[::1]:9093", "a:1 , b:65535"])
def test_brokers_that_the_service_takes_are_taken(servers: str) -> None:
    assert re.search(chart.PATTERNS["KAFKA_BOOTSTRAP_SERVERS"], servers)
    assert load_settings(GIVEN | {"KAFKA_BOOTSTRAP_SERVERS": servers}, env_file=None)


@pytest.mark.parametrize(
    "servers", ["kafka", "kafka:", "kafka:port", "kafka:0", "a:1,", "a:1 b:2", "a:1;b:2", "http://a:1"]
)
def test_brokers_that_the_service_refuses_are_refused(servers: str) -> None:
    assert not re.search(chart.PATTERNS["KAFKA_BOOTSTRAP_SERVERS"], servers)
    with pytest.raises(SettingsError, match="KAFKA_BOOTSTRAP_SERVERS"):
        load_settings(GIVEN | {"KAFKA_BOOTSTRAP_SERVERS": servers}, env_file=None)

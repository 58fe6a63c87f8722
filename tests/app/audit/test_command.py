"""`streamrank audit` as one calls it."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from app import cli
from app.audit import command
from app.audit.book import Span
from app.audit.ledger import Ledger
from app.audit.progress import Progress
from app.audit.report import Guarantee, Report
from config.settings import VARIABLES
from tests.app.audit.answers import answer_all, fill
from tests.app.kafka.links import variables_for
from tests.broker.secure_kafka import SecureKafka
from tests.broker.topics import Topics, fresh_topics


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """No settings from where the tests run."""
    monkeypatch.chdir(tmp_path)
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def settings(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> Topics:
    """The settings that a service for *topics* has; no model among them."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", topics.client.bootstrap_servers)
    monkeypatch.setenv("INPUT_TOPIC", topics.input)
    monkeypatch.setenv("OUTPUT_TOPIC", topics.output)
    monkeypatch.setenv("CONSUMER_GROUP", topics.group)
    return topics


def test_the_exit_status_tells_whether_all_holds(settings: Topics, capsys: pytest.CaptureFixture[str]):
    fill(settings, 10)
    for partition in range(4):
        answer_all(settings, settings.output, partition, range(9))
        answer_all(settings, settings.dead_letters, partition, [9])
    assert cli.main(["audit"]) == 0
    assert capsys.readouterr().out.endswith("\nok: every record is answered once, in order\n")
    answer_all(settings, settings.output, 2, [9])
    assert cli.main(["audit"]) == 0
    assert "1 of them more than once" in capsys.readouterr().out
    assert cli.main(["audit", "--guarantee", "exactly_once"]) == 1
    out, err = capsys.readouterr()
    assert f"  {settings.input}[2]: 9\n" in out
    assert (out.splitlines()[-1], err) == ("VIOLATED: 1 record answered more than once", "")


def test_options_win_over_the_environment(settings: Topics, monkeypatch, capsys: pytest.CaptureFixture[str]):
    fill(settings, 1)
    answer_all(settings, settings.output, 0, [0])
    settings.client.commit(settings.input, settings.group, {0: 1})
    for variable in ("KAFKA_BOOTSTRAP_SERVERS", "INPUT_TOPIC", "OUTPUT_TOPIC", "DEAD_LETTER_TOPIC", "CONSUMER_GROUP"):
        monkeypatch.setenv(variable, "localhost:1" if variable.startswith("KAFKA") else f"wrong-{variable}")
    options = {
        "--bootstrap-servers": settings.client.bootstrap_servers,
        "--input-topic": settings.input,
        "--output-topic": settings.output,
        "--dead-letter-topic": settings.dead_letters,
        "--group": settings.group,
        "--up-to": "committed",
    }
    assert cli.main(["audit", *(word for option in options.items() for word in option)]) == 0
    assert "is committed, so nothing of it is looked at" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "isolation"), [([], "read_committed"), (["--isolation", "read_uncommitted"], "read_uncommitted")]
)
def test_aborted_transactions_count_only_when_they_are_asked_for(
    settings: Topics, monkeypatch: pytest.MonkeyPatch, options: list[str], isolation: str
):
    asked: dict[str, Any] = {}

    async def audit(*_: Any, **options: Any) -> Report:
        asked.update(options)
        return Report("in", Guarantee.AT_LEAST_ONCE, {0: Ledger({0: Span(0, 0, 0)}).accounts()[0]}, {})

    monkeypatch.setattr(command, "audit", audit)
    assert cli.main(["audit", *options]) == 0
    assert asked["isolation"] == isolation


def test_a_reader_of_the_output_that_has_seen_enough_is_no_trouble(settings: Topics):
    fill(settings, 1)
    arguments = [sys.executable, "-m", "app", "audit"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    process.stdout.close()
    assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == 1


def test_json_is_all_that_is_printed_and_is_cut_unless_all_is_asked_for(
    settings: Topics, capsys: pytest.CaptureFixture[str]
):
    fill(settings, 100)
    answer_all(settings, settings.output, 0, range(0, 100, 2))
    assert cli.main(["audit", "--json"]) == 1
    cut = json.loads(capsys.readouterr().out)["partitions"]["0"]["missing"]
    assert (cut["count"], len(cut["ranges"])) == (50, 20)
    assert cli.main(["audit", "--json", "--all"]) == 1
    assert len(json.loads(capsys.readouterr().out)["partitions"]["0"]["missing"]["ranges"]) == 50


def test_wrong_settings_are_told_as_the_service_tells_them_but_no_model_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("OUTPUT_TOPIC", "not a topic")
    monkeypatch.setenv("BATCH_MAX_SIZE", "0")
    assert cli.main(["audit"]) == 2
    assert [line.partition(":")[2].split()[0] for line in capsys.readouterr().err.splitlines()] == [
        "INPUT_TOPIC",
        "OUTPUT_TOPIC=not",
    ]


def test_what_cannot_be_read_ends_with_2_or_3_and_one_line(settings: Topics, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["audit", "--input-topic", "nowhere"]) == 2
    assert capsys.readouterr().err == "streamrank: there is no topic nowhere and no topic nowhere.dead-letters\n"
    assert cli.main(["audit", "--bootstrap-servers", "127.0.0.1:1"]) == 3
    assert capsys.readouterr().err == "streamrank: no broker can be reached: 127.0.0.1:1: Connection refused\n"


@pytest.mark.needs_apache_kafka
def test_a_secure_cluster_is_read_as_the_service_reads_it(
    secure_kafka: SecureKafka, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    secure = variables_for(secure_kafka, "SASL_TLS", "SCRAM-SHA-256")
    with fresh_topics(secure_kafka) as topics:
        fill(topics, 1)
        for partition in range(4):
            answer_all(topics, topics.output, partition, [0])
        names = {"INPUT_TOPIC": topics.input, "OUTPUT_TOPIC": topics.output, "CONSUMER_GROUP": topics.group}
        for name, value in (secure | names | {"KAFKA_BOOTSTRAP_SERVERS": secure_kafka.address("SASL_TLS")}).items():
            monkeypatch.setenv(name, value)
        topics.client.commit(topics.input, topics.group, dict.fromkeys(range(4), 1))
        assert cli.main(["audit", "--up-to", "committed"]) == 0
        capsys.readouterr()
        monkeypatch.setenv("KAFKA_SASL_PASSWORD", "wrong")
        assert cli.main(["audit"]) == 3
    said = capsys.readouterr().err
    assert said.startswith(f"streamrank: no broker can be reached: {secure_kafka.address('SASL_TLS')}: ")
    assert "KAFKA_SASL_PASSWORD" in said


@pytest.mark.parametrize("wrong", [["--guarantee", "perhaps"], ["--up-to", "now"], ["--jsn"], ["more"]])
def test_wrong_options_end_with_2(wrong: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["audit", *wrong])
    assert capsys.readouterr().err.startswith("usage: streamrank audit")


def test_help_shows_examples_and_exit_statuses(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["audit", "--help"])
    shown = capsys.readouterr().out
    assert "\nexamples:\n" in shown
    assert "\nexit status: 0 " in shown


def test_an_interruption_is_no_result(settings: Topics, monkeypatch, capsys: pytest.CaptureFixture[str]):
    async def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "audit", interrupted)
    assert cli.main(["audit"]) == 130
    assert capsys.readouterr() == ("", "streamrank: interrupted\n")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("kind", "shown"), [(Terminal, "\r\x1b[Kreading in[0]: 5 of 1,000\r\x1b[K"), (io.StringIO, "")]
)
def test_progress_is_for_terminals(monkeypatch: pytest.MonkeyPatch, kind: type[io.StringIO], shown: str):
    screen = kind()
    monkeypatch.setattr(sys, "stderr", screen)
    progress = Progress()
    progress("in[0]", 5, 1000)
    progress("in[0]", 6, 1000)
    progress.end()
    assert screen.getvalue() == shown

"""How the service starts, what its HTTP port tells, and how it stops."""

import json
import os
import signal
from pathlib import Path

import pytest

from app.broker import EmbeddedBroker
from models.fingerprint import read_contents
from tests.broker.topics import TopicClient, Topics
from tests.e2e.conftest import record
from tests.e2e.service import Service, environment


def test_http_port_tells_health_metrics_and_status(topics: Topics, mlp: Path, features, tmp_path: Path):
    with Service(tmp_path, environment(topics, mlp) | {"LOG_FORMAT": "json"}) as service:
        service.wait_for(lambda: service.get("/livez")[0] == 200)
        status, reason = service.get("/readyz")
        assert status == 200 or reason.strip()
        service.wait_until_ready()
        topics.client.write(topics.input, [record(0, features[0])])
        topics.client.wait_until_committed(topics.input, topics.group)
        assert service.get("/readyz") == (200, "ok\n")
        about = service.status()
        assert about["model"]["name"] == "mlp"
        assert about["model"]["device"] == "cpu"
        assert about["settings"]["kafka"]["input_topic"] == topics.input
        assert about["versions"]["faust-streaming"] == "0.15.3"
        service.wait_for(lambda: set(service.status()["partitions"]) == {f"{topics.input}[{n}]" for n in range(4)})
        fingerprint = read_contents(mlp).fingerprint
        assert about["model"]["fingerprint"] == fingerprint
        assert service.samples()["streamrank_model_info", "cpu", fingerprint, "mlp", "unversioned"] == 1
        assert service.get("/")[0] == 200  # the live page
        assert service.get("/table")[0] == service.get("/router")[0] == 404
        assert service.stop() == 0
    lines = [json.loads(line) for line in service.log.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    assert lines[-1]["message"] == "stopped"


def test_every_documented_metric_is_exposed_and_no_other(topics: Topics, mlp: Path, features, tmp_path: Path):
    from prometheus_client.parser import text_string_to_metric_families

    from app.catalogue import catalogue

    with Service(tmp_path, environment(topics, mlp)) as service:
        service.wait_until_ready()
        text = service.get("/metrics")[1]
        service.stop()
    ours = {family.name for family in text_string_to_metric_families(text) if family.name.startswith("streamrank_")}
    assert ours == {info.name.removesuffix("_total") for info in catalogue()}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_what_is_in_flight_and_nothing_is_processed_twice(
    topics: Topics, mlp: Path, features, tmp_path: Path, number: signal.Signals
):
    records = [record(each, row) for each, row in enumerate(features)]
    topics.client.write(topics.input, records)
    variables = environment(topics, mlp) | {"COMMIT_INTERVAL_MS": "60000"}
    with Service(tmp_path, variables) as service:
        service.wait_until_ready()
        topics.client.read(topics.output, 1)
        assert service.stop(number) == 0
    outputs = topics.client.read_all(topics.output)
    assert sum(topics.client.committed_offsets(topics.input, topics.group).values()) == len(outputs) > 0
    with Service(tmp_path, variables) as service:
        service.wait_until_ready()
        outputs = topics.client.read(topics.output, len(records))
        assert service.stop(number) == 0
    ids = [json.loads(each.value)["id"] for each in topics.client.read_all(topics.output)]
    assert len(ids) == len(set(ids)) == len(records)


def test_a_signal_while_starting_ends_with_0_and_the_log_is_whole(topics: Topics, mlp: Path, tmp_path: Path):
    with Service(tmp_path, environment(topics, mlp) | {"LOG_FORMAT": "json"}) as service:
        service.wait_for(lambda: "loading the model" in service.get("/readyz")[1])
        assert service.stop() == 0
    messages = [json.loads(line)["message"] for line in service.log.splitlines()]
    assert messages[-2:] == ["stopping", "stopped"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_there_are_settings_ends_with_0_too(tmp_path: Path, number: signal.Signals):
    os.mkfifo(tmp_path / ".env")  # nobody writes it, so the service gets no further than to reading it
    with Service(tmp_path, {}) as service:
        service.wait_for(lambda: signal.SIGTERM in caught(service.process.pid), 20)
        assert service.stop(number) == 0
    assert service.log == ""


def caught(pid: int) -> set[int]:
    """The signals that a process has handlers for."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = int(next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), 16)
    return {number for number in signal.valid_signals() if mask >> (number - 1) & 1}


def test_a_second_signal_ends_at_once(topics: Topics, mlp: Path, tmp_path: Path):
    variables = environment(topics, mlp) | {"OUTPUT_TOPIC": f"{topics.output}-missing"}
    with Service(tmp_path, variables) as service:
        service.wait_for(lambda: "waiting for topics" in service.get("/readyz")[1])
        service.process.send_signal(signal.SIGSTOP)
        service.process.send_signal(signal.SIGTERM)
        service.process.send_signal(signal.SIGINT)
        service.process.send_signal(signal.SIGCONT)
        # Both are pending when the process goes on; which one it sees second is the kernel's choice.
        assert service.process.wait(10) in {128 + signal.SIGTERM, 128 + signal.SIGINT}


def test_missing_topics_are_named_and_waited_for(topics: Topics, mlp: Path, features, tmp_path: Path):
    client = TopicClient(topics.client.broker)
    output, letters = f"{topics.output}-late", f"{topics.dead_letters}-late"
    variables = environment(topics, mlp) | {"OUTPUT_TOPIC": output, "DEAD_LETTER_TOPIC": letters}
    topics.client.write(topics.input, [record(0, features[0])])
    with Service(tmp_path, variables) as service:
        service.wait_for(lambda: f"do not exist: {output}, {letters}" in service.get("/readyz")[1])
        assert service.get("/livez")[0] == 200
        client.create(output, letters, partitions=3)
        service.wait_until_ready()
        client.read(output, 1)
        topics.client.wait_until_committed(topics.input, topics.group)
        assert service.stop() == 0
    assert set(client.names()) >= {output, letters}
    client.delete(output, letters)
    client.close()


@pytest.mark.parametrize("trouble", [signal.SIGKILL, signal.SIGSTOP])
def test_a_broker_that_is_gone_or_frozen_keeps_nobody_from_stopping(
    mlp: Path, features, tmp_path: Path, trouble: signal.Signals
):
    with EmbeddedBroker() as broker:
        topics = Topics("in", "out", "in.dead-letters", "group", TopicClient(broker))
        topics.client.create(topics.input, topics.output, topics.dead_letters)
        with Service(tmp_path, environment(topics, mlp)) as service:
            service.wait_until_ready()
            topics.client.write(topics.input, [record(place, features[place]) for place in range(100)])
            topics.client.wait_until_committed(topics.input, topics.group)
            os.kill(broker.pid, trouble)
            if trouble is signal.SIGKILL:
                service.wait_for(lambda: "broker" in service.get("/readyz")[1])
            assert service.stop() == 0
            assert "Traceback" not in service.log


def test_a_broker_that_is_not_there_yet_is_waited_for(topics: Topics, mlp: Path, tmp_path: Path):
    variables = environment(topics, mlp) | {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    with Service(tmp_path, variables) as service:
        service.wait_for(lambda: "no broker answers" in service.log)
        assert service.get("/livez")[0] == 200
        assert service.get("/readyz")[0] == 503
        assert service.stop() == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"MODEL_PATH": "/"}, "MODEL_PATH=/: "),
        ({"MODEL_SIGNATURE": "other"}, "serving_default"),
        ({"MODEL_DEVICE": "gpu:7"}, "MODEL_DEVICE=gpu:7: "),
        ({"INPUT_FIELDS": '{"speed": "a.b"}'}, "features"),
    ],
)
def test_what_cannot_work_stops_the_start_with_a_message_and_1(
    topics: Topics, mlp: Path, tmp_path: Path, wrong: dict[str, str], message: str
):
    with Service(tmp_path, environment(topics, mlp) | wrong) as service:
        assert service.process.wait(90) == 1
    assert message in service.log
    assert "Traceback" not in service.log


def test_a_taken_http_port_stops_the_start_with_a_message(topics: Topics, mlp: Path, tmp_path: Path):
    with Service(tmp_path, environment(topics, mlp)) as first:
        first.wait_for(lambda: first.get("/livez")[0] == 200)
        with Service(tmp_path, environment(topics, mlp), port=first.port) as second:
            assert second.process.wait(30) == 1
        assert f"HTTP_PORT={first.port}" in second.log
        assert "Traceback" not in second.log

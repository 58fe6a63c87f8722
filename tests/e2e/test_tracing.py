"""A record's way as one trace: from its producer through the batch to whoever consumes the ranking."""

import json
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.broker.records import Record
from tests.broker.topics import Topics
from tests.e2e.service import Service, environment
from tests.otlp.receiver import Receiver, Span

Names = dict[str, Span]

_TOGETHER_MS = 1000


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


class Producer:
    """Whoever made a record: the context that its span gives along."""

    def __init__(self, *, sampled: bool = True) -> None:
        self.trace_id = secrets.token_hex(16)
        self.span_id = secrets.token_hex(8)
        self.traceparent = f"00-{self.trace_id}-{self.span_id}-0{int(sampled)}".encode()

    def record(self, value: Mapping[str, Any] | None, key: bytes = b"key") -> Record:
        headers = (("before", b"1"), ("traceparent", self.traceparent), ("tracestate", b"vendor=7"), ("after", b"2"))
        return Record(None if value is None else json.dumps(value).encode(), key=key, headers=headers, partition=1)


def row(number: int) -> dict[str, Any]:
    return {"id": f"r{number}", "features": [0.5] * 32}


def context(record: Record) -> tuple[str, str]:
    """The trace and the span that a record names; it must name one."""
    (traceparent,) = [value for name, value in record.headers if name == "traceparent"]
    version, trace_id, span_id, flags = (traceparent or b"").decode().split("-")
    assert version == "00"
    assert int(flags, 16) & 1
    return trace_id, span_id


def has(*words: str) -> Callable[[list[Span]], bool]:
    return lambda spans: sorted(span.word for span in spans) == sorted(words)


def by_word(spans: list[Span]) -> Names:
    return {span.word: span for span in spans}


def check_one_trace(producer: Producer, output: Record, spans: list[Span], topics: Topics, *, to: str) -> None:
    consume, batch, predict, publish = (by_word(spans)[word] for word in ("consume", "batch", "predict", "publish"))
    assert {span.trace_id for span in spans} == {producer.trace_id}
    assert consume.parent_id == producer.span_id
    assert (batch.parent_id, publish.parent_id) == (consume.span_id, consume.span_id)
    assert predict.parent_id == batch.span_id
    assert batch.links == ((consume.trace_id, consume.span_id),)
    assert consume.links == ((producer.trace_id, producer.span_id), (batch.trace_id, batch.span_id))
    assert context(output) == (producer.trace_id, publish.span_id)
    assert list(output.headers[1:4]) == [("tracestate", b"vendor=7"), ("before", b"1"), ("after", b"2")]
    assert (consume.name, consume.kind) == (f"consume {topics.input}", "CONSUMER")
    assert (publish.name, publish.kind) == (f"publish {to}", "PRODUCER")
    there = {"messaging.system": "kafka", "messaging.destination.partition.id": "1"}
    assert consume.attributes.items() >= (there | {"messaging.destination.name": topics.input}).items()
    assert consume.attributes["messaging.kafka.offset"] == 0
    assert consume.attributes["messaging.consumer.group.name"] == topics.group
    assert publish.attributes.items() >= (there | {"messaging.destination.name": to}).items()
    assert consume.start <= batch.start <= predict.start <= predict.end <= batch.end
    assert batch.end <= publish.start <= publish.end <= consume.end
    assert consume.resource["service.name"] == "streamrank"


@pytest.mark.parametrize(
    "guarantee", ["at_least_once", pytest.param("exactly_once", marks=pytest.mark.needs_apache_kafka)]
)
@pytest.mark.parametrize("rank_by", ["classes", "candidates", "standings"])
def test_a_record_is_one_trace_from_its_producer_to_whoever_consumes_its_ranking(
    topics: Topics, mlp: Path, runners: Path, receiver: Receiver, tmp_path: Path, *, rank_by: str, guarantee: str
):
    producer = Producer()
    values: dict[str, dict[str, Any]] = {
        "classes": row(1),
        "candidates": {"id": 1, "candidates": [{"id": "a", "speed": 1.0}, {"id": "b", "speed": 2.0}]},
        "standings": {"id": 1, "group": "race", "member": "a", "speed": 1.0},
    }
    variables = environment(topics, mlp if rank_by == "classes" else runners) | receiver.variables
    with Service(tmp_path, variables | {"RANK_BY": rank_by, "PROCESSING_GUARANTEE": guarantee}) as service:
        service.wait_until_ready()
        topics.client.write(topics.input, [producer.record(values[rank_by])])
        (output,) = topics.client.read(topics.output, 1)
        spans = receiver.wait_for(has("consume", "batch", "predict", "publish"))
        assert service.stop() == 0
    check_one_trace(producer, output, spans, topics, to=topics.output)
    assert by_word(spans)["batch"].attributes["streamrank.batch.rows"] == (2 if rank_by == "candidates" else 1)
    assert by_word(spans)["consume"].failed is None


def test_a_batch_of_several_traces_is_one_of_its_own_and_linked_with_each_of_its_records(
    topics: Topics, mlp: Path, receiver: Receiver, tmp_path: Path
):
    producers = [Producer(), Producer()]
    unsampled = Producer(sampled=False)
    variables = environment(topics, mlp) | receiver.variables | {"BATCH_MAX_DELAY_MS": str(_TOGETHER_MS)}
    with Service(tmp_path, variables) as service:
        service.wait_until_ready()
        records = [each.record(row(number)) for number, each in enumerate([*producers, unsampled])]
        topics.client.write(topics.input, records)
        outputs = topics.client.read(topics.output, 3)
        spans = receiver.wait_for(has(*["consume", "publish"] * 2, "batch", "predict"))
        assert service.stop() == 0
    batch = by_word(spans)["batch"]
    consumes = [span for span in spans if span.word == "consume"]
    assert [context(output)[0] for output in outputs[:2]] == [each.trace_id for each in producers]
    assert {span.trace_id for span in consumes} == {each.trace_id for each in producers}
    assert batch.parent_id == ""
    assert batch.trace_id not in {each.trace_id for each in producers}
    assert set(batch.links) == {(span.trace_id, span.span_id) for span in consumes}
    assert all((batch.trace_id, batch.span_id) in span.links for span in consumes)
    assert batch.attributes["streamrank.batch.rows"] == 3
    assert by_word(spans)["predict"].trace_id == batch.trace_id
    # What its producer does not trace goes through as it came.
    assert list(outputs[2].headers[:4]) == list(records[2].headers)


def test_a_refused_record_has_its_trace_in_the_dead_letter_in_the_log_and_in_no_ranking(
    topics: Topics, mlp: Path, receiver: Receiver, tmp_path: Path
):
    producer = Producer()
    with Service(tmp_path, environment(topics, mlp) | receiver.variables | {"LOG_FORMAT": "json"}) as service:
        service.wait_until_ready()
        topics.client.write(topics.input, [producer.record({"id": 1})])
        (letter,) = topics.client.read(topics.dead_letters, 1)
        spans = by_word(receiver.wait_for(has("consume", "publish")))
        assert service.stop() == 0
    consume, publish = spans["consume"], spans["publish"]
    assert publish.name == f"publish {topics.dead_letters}"
    assert context(letter) == (producer.trace_id, publish.span_id)
    assert (consume.parent_id, publish.parent_id) == (producer.span_id, consume.span_id)
    assert consume.failed == "refused: missing_field"
    assert consume.attributes["error.type"] == "missing_field"
    lines = [json.loads(line) for line in service.log.splitlines() if line.startswith("{")]
    (line,) = [each for each in lines if each["message"] == "a record is refused"]
    assert (line["trace_id"], line["span_id"]) == (producer.trace_id, consume.span_id)
    assert (line["topic"], line["partition"], line["offset"]) == (topics.input, 1, 0)


def test_latencies_show_traces_to_those_who_ask_for_openmetrics(
    topics: Topics, mlp: Path, receiver: Receiver, tmp_path: Path
):
    producer = Producer()
    with Service(tmp_path, environment(topics, mlp) | receiver.variables) as service:
        service.wait_until_ready()
        topics.client.write(topics.input, [producer.record(row(1))])
        receiver.wait_for(has("consume", "batch", "predict", "publish"))
        families = open_metrics(service.port)
        assert "trace_id" not in service.get("/metrics")[1]
        assert service.stop() == 0
    (family,) = [each for each in families if each.name == "streamrank_end_to_end_seconds"]
    (exemplar,) = [sample.exemplar for sample in family.samples if sample.exemplar]
    assert exemplar.labels == {"trace_id": producer.trace_id}
    assert 0 <= exemplar.value < 60


def open_metrics(port: int) -> list[Metric]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics", headers={"Accept": "application/openmetrics-text"})
    answer = connection.getresponse()
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    return list(text_string_to_metric_families(answer.read().decode()))


@pytest.mark.parametrize("trouble", ["hangs", "fails", "refuses"])
def test_a_bad_receiver_holds_up_neither_the_stream_nor_the_stop(
    trouble: str, topics: Topics, mlp: Path, tmp_path: Path
):
    with Receiver(hangs=trouble == "hangs", status=503 if trouble == "fails" else 200) as receiver:
        variables = environment(topics, mlp) | receiver.variables
        if trouble == "refuses":
            variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:1"
        with Service(tmp_path, variables) as service:
            service.wait_until_ready()
            records = [Producer().record(row(number)) for number in range(5000)]
            topics.client.write(topics.input, records[:1])
            if trouble == "refuses":
                service.wait_for(lambda: "exporting spans batch" in service.log)
            else:
                receiver.wait_until_asked()
            topics.client.write(topics.input, records[1:])
            outputs = topics.client.read(topics.output, len(records))
            assert len(outputs) == len(records)
            topics.client.wait_until_committed(topics.input, topics.group)
            began = time.monotonic()
            assert service.stop(signal.SIGTERM) == 0
            took = time.monotonic() - began
    assert took < 10, took
    assert len(service.log.splitlines()) < 100


def test_the_last_spans_leave_before_the_end(topics: Topics, mlp: Path, receiver: Receiver, tmp_path: Path):
    variables = environment(topics, mlp) | receiver.variables | {"OTEL_BSP_SCHEDULE_DELAY": "3600000"}
    with Service(tmp_path, variables) as service:
        service.wait_until_ready()
        topics.client.write(topics.input, [Producer().record(row(1))])
        topics.client.wait_until_committed(topics.input, topics.group)
        assert receiver.spans == []
        assert service.stop() == 0
    assert has("consume", "batch", "predict", "publish")(receiver.spans)


def test_without_the_packages_the_start_stops_and_says_how_to_get_them(tmp_path: Path):
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").touch()
    (tmp_path / ".env").write_text("OTEL_EXPORTER_OTLP_ENDPOINT=http://somebody:secret@127.0.0.1:4318\n")
    path = f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}"
    variables = {"INPUT_TOPIC": "in", "OUTPUT_TOPIC": "out", "MODEL_PATH": str(tmp_path), "PYTHONPATH": path}
    with Service(tmp_path, variables) as service:
        assert service.process.wait(60) == 1
    assert "OTEL_EXPORTER_OTLP_ENDPOINT asks for traces" in service.log
    assert "pip install 'streamrank[otel]'" in service.log
    assert "secret" not in service.log

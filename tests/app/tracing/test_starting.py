"""How tracing begins, and that it leaves no mark where nobody asks for it."""

import asyncio
import logging
import subprocess
import sys
import threading
import time

import pytest

from app.errors import StartFailed
from app.tracing.starting import start_tracing
from tests.app.chunks import chunk, record, run_of
from tests.app.tracing.spans import TRACED
from tests.otlp.receiver import Receiver


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch):
    """Let the process's environment have these variables, too, as the SDK reads them by itself."""

    def given(variables: dict[str, str]) -> dict[str, str]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return variables

    return given


def test_where_nobody_asks_for_traces_none_of_the_libraries_is_imported():
    look = (
        "import sys, app.worker; from app.tracing.starting import start_tracing as start;"
        "assert start({}, group='g', batch_rows=1) is None;"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_without_the_packages_the_message_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    for name in [name for name in sys.modules if name.startswith("app.tracing.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(StartFailed, match=r"OTEL_TRACES_EXPORTER asks for traces.*pip install 'streamrank\[otel\]'"):
        start_tracing({"OTEL_TRACES_EXPORTER": "otlp"}, group="g", batch_rows=1)


@pytest.mark.parametrize("variables", [{"OTEL_BSP_MAX_QUEUE_SIZE": "-1"}, {"OTEL_BSP_SCHEDULE_DELAY": "-1"}])
def test_variables_that_do_not_fit_stop_the_start(environ, variables: dict[str, str]):
    with pytest.raises(StartFailed, match=r"OTEL_\* variables"):
        start_tracing(environ({"OTEL_TRACES_EXPORTER": "otlp"} | variables), group="g", batch_rows=1)


def test_a_sampler_of_somebodys_own_stops_the_start(environ, monkeypatch: pytest.MonkeyPatch):
    from opentelemetry.sdk.trace import sampling

    monkeypatch.setitem(sampling._KNOWN_SAMPLERS, "always_on", sampling.AlwaysRecordSampler(sampling.ALWAYS_OFF))
    with pytest.raises(
        StartFailed, match=r"OTEL_TRACES_SAMPLER gives AlwaysRecordSampler\{.*must be one of always_on,"
    ):
        start_tracing(
            environ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_TRACES_SAMPLER": "always_on"}), group="g", batch_rows=1
        )


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "streamrank"),
        ({"OTEL_SERVICE_NAME": "races"}, "races"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=horses,deployment.environment=test"}, "horses"),
    ],
)
async def test_spans_are_of_the_service_that_the_environment_names(environ, variables: dict[str, str], name: str):
    with Receiver() as receiver:
        tracing = start_tracing(environ(receiver.variables | variables), group="g", batch_rows=1)
        tracing.begin(chunk(record(0, headers=[TRACED]))).lost()
        await tracing.close(10)
        (span,) = receiver.spans
    assert span.resource["service.name"] == name


async def test_a_batch_has_a_link_to_each_of_its_records_however_many_they_are(environ):
    with Receiver() as receiver:
        tracing = start_tracing(environ(receiver.variables), group="g", batch_rows=600)
        span = tracing._tracer.start_span("batch")
        spans = tracing.begin(run_of(0, 500)).spans_of(run_of(0, 500))
        for each in spans.between(0, 500):
            span.add_link(each.get_span_context())
        span.end()
        await tracing.close(10)
        (batch,) = receiver.spans
    assert len(batch.links) == 500


async def test_closing_waits_for_a_collector_that_hangs_no_longer_than_it_may(
    environ, caplog: pytest.LogCaptureFixture
):
    with Receiver(hangs=True) as receiver:
        tracing = start_tracing(environ(receiver.variables), group="g", batch_rows=1)
        tracing.begin(chunk(record(0, headers=[TRACED]))).lost()
        await asyncio.to_thread(receiver.wait_until_asked)
        began = time.monotonic()
        await tracing.close(0.3)
        assert time.monotonic() - began < 5
    assert "the last spans are lost" in caplog.text
    for thread in threading.enumerate():
        if thread.name == "last spans":
            thread.join(30)


async def test_log_lines_bear_the_ids_of_the_span_that_is_current(environ, caplog: pytest.LogCaptureFixture):
    from opentelemetry.trace import format_trace_id, use_span

    with Receiver() as receiver:
        tracing = start_tracing(environ(receiver.variables), group="g", batch_rows=1)
        span = tracing._tracer.start_span("batch")
        with use_span(span):
            logging.getLogger("app").warning("within")
        logging.getLogger("app").warning("without")
        await tracing.close(10)
    within, without = [line for line in caplog.records if line.msg in {"within", "without"}]
    assert within.trace_id == format_trace_id(span.get_span_context().trace_id)
    assert not hasattr(without, "trace_id")

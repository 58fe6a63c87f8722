"""What the environment says of traces."""

import pytest

from app.errors import StartFailed
from app.tracing.wanted import wanted

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://somebody:secret@collector:4318"}


@pytest.mark.parametrize(
    ("environ", "asked_by"),
    [
        ({}, None),
        ({"OTEL_SERVICE_NAME": "races", "OTEL_METRICS_EXPORTER": "otlp"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, None),
        (ENDPOINT, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a/v1/traces"}, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "OTEL_TRACES_EXPORTER"),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, None),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, None),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "false"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (ENDPOINT | {"OTEL_TRACES_SAMPLER": "TraceIdRatio"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (ENDPOINT | {"OTEL_TRACES_SAMPLER": ""}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ],
)
def test_an_endpoint_or_the_exporter_asks_for_traces_and_a_no_counts_more(
    environ: dict[str, str], asked_by: str | None
):
    assert wanted(environ) == asked_by


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER=zipkin: must be otlp or none"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc: .*http/protobuf.*4318"),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/json",
        ),
    ],
)
def test_a_way_out_that_there_is_not_is_refused_by_name(environ: dict[str, str], words: str):
    with pytest.raises(StartFailed, match=words):
        wanted(ENDPOINT | environ)


@pytest.mark.parametrize("sampler", ["parentbased_traceidration", "jaeger_remote", "xray", " always_off"])
def test_a_sampler_that_there_is_not_is_refused_by_name(sampler: str):
    """The SDK, which takes names as they are written, would trace everything."""
    words = f"OTEL_TRACES_SAMPLER={sampler}: must be one of always_on, always_off, traceidratio, parentbased_always_on,"
    with pytest.raises(StartFailed, match=words):
        wanted(ENDPOINT | {"OTEL_TRACES_SAMPLER": sampler})

"""How spans leave the process: in a thread of their own, so that nobody waits for a collector."""

from importlib.metadata import PackageNotFoundError, version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor

SERVICE = "streamrank"
_NAMELESS = "unknown_service"


def processor() -> SpanProcessor:
    """Return what sends spans off as the `OTEL_EXPORTER_OTLP_*` and `OTEL_BSP_*` variables say.

    Raises:
        ValueError: one of them is wrong.
    """
    return BatchSpanProcessor(OTLPSpanExporter())


def resource() -> Resource:
    """Return what the spans are of: the environment's words, and our name where it has none."""
    told = Resource.create(_version())
    if str(told.attributes["service.name"]).startswith(_NAMELESS):
        told = told.merge(Resource({"service.name": SERVICE}))
    return told


def _version() -> dict[str, str]:
    try:
        return {"service.version": version("streamrank")}
    except PackageNotFoundError:
        return {}  # it runs from a clone

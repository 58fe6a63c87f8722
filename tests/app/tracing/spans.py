"""Tracing whose spans stay in memory, and what to say of them."""

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import DEFAULT_OFF, Sampler
from opentelemetry.trace import format_span_id, format_trace_id

from app.tracing.tracing import Tracing

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACED = ("traceparent", f"00-{TRACE}-{SPAN}-01".encode())
UNTRACED = ("traceparent", f"00-{TRACE}-{SPAN}-00".encode())


class Kept:
    """Tracing, and the spans that have ended."""

    def __init__(self, sampler: Sampler = DEFAULT_OFF) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracing = Tracing(
            SimpleSpanProcessor(self._exporter), Resource({}), sampler, limits=SpanLimits(), group="group"
        )

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    @property
    def names(self) -> list[str]:
        return sorted(span.name for span in self.spans)

    def named(self, name: str) -> ReadableSpan:
        (span,) = [span for span in self.spans if span.name == name]
        return span


def traceparent(span: ReadableSpan, flags: str = "01") -> bytes:
    """What names *span* to those who go on with its trace."""
    return f"00-{format_trace_id(span.context.trace_id)}-{format_span_id(span.context.span_id)}-{flags}".encode()

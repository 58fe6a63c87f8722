"""The span of one record on its way out, and the context that goes along with it."""

from collections.abc import Mapping

from opentelemetry.trace import Span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.tracing.failure import failed

_propagator = TraceContextTextMapPropagator()


class PublishSpan:
    """Begun already.

    Args:
        span: the span.

    Attributes:
        context: the headers by which whoever consumes the record goes on with its trace.
    """

    def __init__(self, span: Span) -> None:
        self._span = span
        context: dict[str, str] = {}
        _propagator.inject(context, set_span_in_context(span))
        self.context: Mapping[str, str] = context

    def end(self, error: str | None = None) -> None:
        """End it; *error* is the kind of what keeps the record from being there."""
        if error is not None:
            failed(self._span, error)
        self._span.end()

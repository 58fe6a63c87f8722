"""The ids of spans in log lines."""

import logging

from opentelemetry.trace import Span, format_span_id, format_trace_id, get_current_span


class TraceIds(logging.Filter):
    """Adds `trace_id` and `span_id` to what is logged while a span is current; lets everything pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether *record* is to be written."""
        span = get_current_span()
        if span.get_span_context().is_valid and not hasattr(record, "trace_id"):
            record.__dict__.update(fields(span))
        return True


def fields(span: Span) -> dict[str, str]:
    """Return what a log line bears to be found together with *span*."""
    context = span.get_span_context()
    return {"trace_id": format_trace_id(context.trace_id), "span_id": format_span_id(context.span_id)}

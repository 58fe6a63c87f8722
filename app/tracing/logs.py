"""The ids of the current span in log lines."""

import logging

from opentelemetry.trace import get_current_span

from app.tracing.refusals import ids


class TraceIds(logging.Filter):
    """Adds `trace_id` and `span_id` to what is logged while a span is current; lets everything pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether *record* is to be written."""
        span = get_current_span()
        if span.get_span_context().is_valid and not hasattr(record, "trace_id"):
            record.__dict__.update(ids(span))
        return True

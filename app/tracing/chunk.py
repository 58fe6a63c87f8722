"""The spans of a chunk's records, from when the chunk is taken until the broker has confirmed what became of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, format_trace_id, set_span_in_context

from app.errors import RejectedRecord
from app.kafka.chunk import Chunk
from app.outcome import SUPERSEDED, Outcome
from app.records import Incoming
from app.tracing import attributes
from app.tracing.publish_span import PublishSpan
from app.tracing.refusals import RefusalLog
from app.tracing.rows import RowSpans


class ChunkTrace:
    """The spans of those records of a chunk that are traced.

    Args:
        tracer: makes more.
        consumed: the spans of the records, by their offsets.
        refusals: told of those that are refused.
    """

    def __init__(self, tracer: Tracer, consumed: Mapping[int, Span], refusals: RefusalLog) -> None:
        self._tracer = tracer
        self._consumed = consumed
        self._refusals = refusals

    def spans_of(self, records: Sequence[Incoming]) -> RowSpans:
        """Return the spans of *records*, in their order."""
        return RowSpans([self._consumed.get(record.offset) for record in records])

    def publish(self, offset: int, topic: str, partition: int) -> PublishSpan | None:
        """Begin the span of what is published for the record at *offset*; None: it is not traced."""
        if (consumed := self._consumed.get(offset)) is None:
            return None
        span = self._tracer.start_span(
            f"publish {topic}",
            context=set_span_in_context(consumed),
            kind=SpanKind.PRODUCER,
            attributes=attributes.published(topic, partition),
        )
        return PublishSpan(span)

    def done(self, chunk: Chunk, outcomes: Iterable[Outcome]) -> None:
        """End all: the broker has confirmed what became of each record of *chunk*."""
        for record, outcome in zip(chunk, outcomes, strict=True):
            if (span := self._consumed.get(record.offset)) is None:
                continue
            if isinstance(outcome, RejectedRecord):
                span.set_attributes(attributes.refused(outcome))
                span.set_status(StatusCode.ERROR, f"refused: {outcome.reason}")
                self._refusals.refused(span, chunk, record.offset, outcome)
            else:
                span.set_attribute(attributes.OUTCOME, "superseded" if outcome is SUPERSEDED else "published")
            span.end()

    def lost(self) -> None:
        """End all: the records are let go, unconfirmed, and whoever has the partition then reads them again."""
        for span in self._consumed.values():
            if not span.is_recording():
                continue  # confirmed, and the next one of its commit was not
            span.set_status(StatusCode.ERROR, "let go before it was confirmed; it is read again")
            span.end()

    def exemplars(self, chunk: Chunk) -> Iterator[tuple[int, str]]:
        """Yield of each record of *chunk* that is traced its timestamp, in milliseconds, and the id of its trace."""
        for record in chunk:
            if (span := self._consumed.get(record.offset)) is not None:
                yield record.timestamp, format_trace_id(span.get_span_context().trace_id)

"""The tracing of a worker: where the spans of records and batches begin, and that all of them leave at the end."""

import asyncio
import logging
import threading
import time

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler
from opentelemetry.trace import Link, Span, SpanKind, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.kafka.chunk import Chunk
from app.records import Headers, Incoming
from app.tracing import attributes
from app.tracing.batch import Run, TracedBatches
from app.tracing.choice import Choice
from app.tracing.chunk import ChunkTrace
from app.tracing.headers import Brought, brought, carrier, plainly_untraced
from app.tracing.ids import Ids
from app.tracing.logs import TraceIds
from app.tracing.refusals import RefusalLog

logger = logging.getLogger(__name__)

_propagator = TraceContextTextMapPropagator()


class Tracing:
    """Makes the spans of a worker.

    Args:
        processor: where they go once they have ended.
        resource: what they are of.
        sampler: says which records are traced.
        limits: of a span; a batch's bears a link to each of its records.
        group: the consumer group.
    """

    def __init__(
        self, processor: SpanProcessor, resource: Resource, sampler: Sampler, *, limits: SpanLimits, group: str
    ) -> None:
        self._processor = processor
        self._choice = Choice(sampler)
        self._ids = Ids()
        # What gets here was chosen already: records by the sampler, and a batch because one of its records was.
        provider = TracerProvider(
            sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False, id_generator=self._ids, span_limits=limits
        )
        provider.add_span_processor(processor)
        self._tracer = provider.get_tracer("streamrank")
        self._group = group
        self._refusals = RefusalLog()
        self._log_filter = TraceIds()
        for handler in logging.getLogger().handlers:
            handler.addFilter(self._log_filter)

    def begin(self, chunk: Chunk) -> ChunkTrace | None:
        """Begin the spans of the records of *chunk* that are traced; None: none of them is."""
        choice, begins = self._choice, self._choice.begins_traces
        consumed: dict[int, Span] = {}
        for record in chunk:
            if record.headers and choice.follows and plainly_untraced(record.headers):
                continue
            there = brought(record.headers) if record.headers else None
            if there is not None and not choice.goes_on(there):
                continue
            parent = _parent(there, record.headers) if there is not None else None
            if parent is None:
                if not begins or (trace_id := choice.draw()) is None:
                    continue
                self._ids.drawn = trace_id
            consumed[record.offset] = self._consume(chunk, record, parent or Context())
        return ChunkTrace(self._tracer, consumed, self._refusals) if consumed else None

    def _consume(self, chunk: Chunk, record: Incoming, parent: Context) -> Span:
        creation = get_current_span(parent).get_span_context()
        return self._tracer.start_span(
            f"consume {chunk.tp.topic}",
            context=parent,
            kind=SpanKind.CONSUMER,
            attributes=attributes.consumed(chunk.tp, self._group, record),
            # Beside being its child, as the conventions want it: tools find producer and consumer by it.
            links=[Link(creation)] if creation.is_valid else [],
        )

    def batches(self, run: Run) -> Run:
        """Return a batcher's runner that does as *run*, and makes spans of batches."""
        return TracedBatches(run, self._tracer)

    def called(self, seconds: float) -> None:
        """Make the span of a call of the model that has taken *seconds* and has just ended, if its batch has one."""
        if get_current_span().is_recording():
            now = time.time_ns()
            call = self._tracer.start_span("predict", start_time=now - int(seconds * 1e9))
            call.end(now)

    async def close(self, seconds: float) -> None:
        """Send off what has ended, within *seconds*; a collector that does not take it by then does not get it."""
        loop = asyncio.get_running_loop()
        closed = asyncio.Event()

        def close() -> None:
            try:
                self._processor.shutdown()
            finally:
                loop.call_soon_threadsafe(closed.set)

        # Nobody joins it: a collector that hangs would hold up the end of the process.
        threading.Thread(target=close, name="last spans", daemon=True).start()
        try:
            async with asyncio.timeout(seconds):
                await closed.wait()
        except TimeoutError:
            logger.warning("the last spans are lost: they could not be sent in time", extra={"seconds": seconds})
        for handler in logging.getLogger().handlers:
            handler.removeFilter(self._log_filter)


def _parent(there: Brought, headers: Headers) -> Context | None:
    """Return what a span here is the child of; None where the propagator, which has the last word, sees nothing."""
    # Empty, it would begin a trace that the sampler was never asked about.
    return _propagator.extract(carrier(there.traceparent, headers), Context()) or None

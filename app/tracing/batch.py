"""The span of each batch that holds records which are traced, bound to theirs by links."""

from collections.abc import Awaitable, Callable, Sequence

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, Tracer, set_span_in_context, use_span

from app.batching import Slice
from app.scored import Scored
from app.scoring import Rows
from app.tracing import attributes
from app.tracing.failure import failed

Run = Callable[[Sequence[Slice[Rows]]], Awaitable[list[Scored]]]


class TracedBatches:
    """The batcher's runner, with a span around it.

    A batch whose traced records are all of one trace is part of that. Any other one is a trace of its own: it belongs
    to none of its records more than to the others. Links lead from the batch to each record, and back.

    Args:
        run: runs a batch.
        tracer: makes the spans.
    """

    def __init__(self, run: Run, tracer: Tracer) -> None:
        self._run = run
        self._tracer = tracer

    async def __call__(self, slices: Sequence[Slice[Rows]]) -> list[Scored]:
        """Do as the runner does."""
        records = _records(slices)
        if not records:
            return await self._run(slices)
        contexts = [span.get_span_context() for span in records]
        batch = self._tracer.start_span(
            "batch",
            context=_parent(records),
            attributes=attributes.batch(slices[0].block.predictor, sum(map(len, slices))),
            links=[Link(context) for context in contexts],
        )
        for span in records:
            span.add_link(batch.get_span_context())
        # By itself it would tell the error's text and where it was raised, and texts may hold values of records.
        with use_span(batch, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                return await self._run(slices)
            except BaseException as error:
                failed(batch, type(error).__name__)
                raise


def _records(slices: Sequence[Slice[Rows]]) -> list[Span]:
    """The spans of the records that *slices* have rows of, each of them once, in order."""
    rows = (span for part in slices if part.block.spans for span in part.block.spans.between(part.start, part.stop))
    return list(dict.fromkeys(rows))


def _parent(records: Sequence[Span]) -> Context:
    traces = {span.get_span_context().trace_id for span in records}
    return set_span_in_context(records[0], Context()) if len(traces) == 1 else Context()

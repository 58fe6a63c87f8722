"""Which chunk's records are being ranked, for those who are not told."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, TypeVar

from app.records import Incoming
from app.tracing.rows import RowSpans

if TYPE_CHECKING:
    from app.tracing.chunk import ChunkTrace

T = TypeVar("T")

_current: "ContextVar[ChunkTrace | None]" = ContextVar("chunk_trace", default=None)


def row_spans(records: Sequence[Incoming]) -> RowSpans | None:
    """Return the spans of *records*, a row each, where any record of the chunk that is being ranked is traced."""
    trace = _current.get()
    return None if trace is None else trace.spans_of(records)


def within(trace: "ChunkTrace", start: Callable[[], T]) -> T:
    """Return what *start* returns; the tasks that it makes rank the records of *trace*."""

    def begin() -> T:
        _current.set(trace)
        return start()

    return copy_context().run(begin)

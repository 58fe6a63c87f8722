"""Records on their way to one topic, with the spans of those that are traced."""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from app.kafka.producer import Refusal
from app.lane import Work
from app.records import Outgoing
from app.tracing.headers import carrying

if TYPE_CHECKING:
    from app.tracing.publish_span import PublishSpan

Sent = Sequence[tuple[Work, int]]
"""Of which work, and which place in it, each record is."""


class Publication:
    """Begins the spans, whose contexts go along with the records; inside of `with` these are sent, then the spans end.

    Args:
        sent: what the records are made of; empty where nothing is traced.
        records: to be published; those that are traced are replaced, in place.
        topic: where.
        partition: of it, for a record.
    """

    def __init__(self, sent: Sent, records: list[Outgoing], topic: str, partition: Callable[[Outgoing], int]) -> None:
        self._spans: dict[int, PublishSpan] = {}
        self._refused: Mapping[int, Refusal] = {}
        for index, (work, place) in enumerate(sent):
            if work.trace is None:
                continue
            span = work.trace.publish(work.chunk[place].offset, topic, partition(records[index]))
            if span is not None:
                self._spans[index] = span
                records[index] = carrying(records[index], span.context)

    def refused(self, refused: Mapping[int, Refusal]) -> None:
        """Take note of those that the broker has refused, by their places, and why."""
        self._refused = refused

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for index, span in self._spans.items():
            if kind is not None:
                span.end(kind.__name__)
            else:
                why = self._refused.get(index)
                span.end(None if why is None else why.value)

"""How far replays have come, as a consumer group keeps it for each dead-letter partition."""

from aiokafka import TopicPartition

from app.deadletters.selection import Selection
from app.kafka.committed import GroupOffsets
from app.kafka.reader import Span, TopicReader


def group_name(consumer_group: str, selection: Selection, to: str | None) -> str:
    """Return the group that keeps the progress of replays with these filters; another filter has another group."""
    digest = selection.digest(*([] if to is None else [f"to={to}"]))
    return f"{consumer_group}.replay" if digest is None else f"{consumer_group}.replay.{digest}"


class Progress:
    """Where a replay begins and ends.

    Args:
        reader: of the dead-letter topic.
        selection: which letters are looked for.
        from_beginning: whether what is committed is disregarded.

    Attributes:
        reader: of the dead-letter topic.
        unknown: the partitions of which nothing was found committed, where that makes a difference.
    """

    def __init__(self, reader: TopicReader, selection: Selection, *, from_beginning: bool) -> None:
        self.reader = reader
        self.unknown: set[int] = set()
        self._selection = selection
        self._from_beginning = from_beginning
        self._whole: dict[int, Span] = {}

    async def whole(self) -> dict[int, Span]:
        """Return what is to be read of the partitions that hold any of it.

        Raises:
            KafkaError: the brokers do not say.
        """
        self._whole = await self.reader.spans()
        return {number: span for number, span in self._selection.narrow(self._whole).items() if span.size}

    async def left(self, offsets: GroupOffsets) -> dict[int, Span]:
        """Return what of that is left after what is committed now.

        Raises:
            KafkaError: the brokers do not say.
        """
        left: dict[int, Span] = {}
        for partition in await self.whole():
            committed = await offsets.committed(TopicPartition(self.reader.topic, partition))
            left[partition] = self.left_after(committed, partition)
        return left

    def left_after(self, committed: int | None, partition: int) -> Span:
        """Return what of a partition, as `whole` has seen it, is left after what is *committed*."""
        span = self._whole[partition]
        if committed is None and not self._from_beginning:
            self.unknown.add(partition)
        # Beyond the end: that was another topic of the same name.
        if committed is not None and committed <= span.end and not self._from_beginning:
            span = Span(max(span.start, committed), span.end)
        return self._selection.narrow({partition: span})[partition]

    def set_back_to(self, partition: int, committed: int | None) -> int | None:
        """Return what to commit first, so that what is interrupted goes on where it was; None where nothing."""
        return self._whole[partition].start if self._from_beginning and committed is not None else None

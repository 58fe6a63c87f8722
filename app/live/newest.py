"""The newest records that were published, kept while somebody watches."""

import time
from collections import deque
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from aiokafka import TopicPartition

from app.errors import RejectedRecord
from app.kafka.chunk import Chunk
from app.outcome import Outcome

# A race's horses pass a point one after the other: as many as to see each of them.
PER_PARTITION = 32
MOST = 256


class Published(NamedTuple):
    """A record and what was published of it, as bytes; nothing is read of either here.

    Attributes:
        tp: where the record came from.
        offset: its own there.
        at: when the broker had confirmed it, in seconds since the epoch.
        record: its value.
        ranking: the value of the output record; None where it has none of its own.
    """

    tp: TopicPartition
    offset: int
    at: float
    record: bytes | None
    ranking: bytes | None


class Newest:
    """Keeps references to the newest published records: 32 of a partition, 256 in all, until they are taken.

    While nobody watches it keeps nothing, and being told costs one comparison a chunk.
    """

    def __init__(self) -> None:
        # The partition that was heard of last comes last; None while nobody watches.
        self._kept: dict[TopicPartition, deque[Published]] | None = None

    def begin(self) -> None:
        """Keep what is published from now on."""
        self._kept = {}

    def end(self) -> None:
        """Keep nothing any more."""
        self._kept = None

    def published(self, chunk: Chunk, outcomes: Sequence[Outcome]) -> None:
        """Take note that the broker has confirmed what became of every record of *chunk*, in order."""
        if self._kept is None:
            return
        mine = self._kept.pop(chunk.tp, None) or deque[Published](maxlen=PER_PARTITION)
        self._kept[chunk.tp] = mine
        at = time.time()
        for record, outcome in zip(chunk[-PER_PARTITION:], outcomes[-PER_PARTITION:], strict=True):
            if not isinstance(outcome, RejectedRecord):
                ranking = outcome if isinstance(outcome, bytes) else None
                mine.append(Published(chunk.tp, record.offset, at, record.value, ranking))
        if len(self._kept) > MOST // PER_PARTITION:
            del self._kept[next(iter(self._kept))]

    def take(self) -> list[Published]:
        """Return what was kept since the last time, what was confirmed first at first."""
        if self._kept is None:
            return []
        taken, self._kept = self._kept, {}
        return sorted(chain.from_iterable(taken.values()), key=lambda each: each.at)

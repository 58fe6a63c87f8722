"""A run of consecutive records of one partition, fetched together."""

from collections.abc import Iterable
from typing import Any

from aiokafka import TopicPartition


class Chunk(list[Any]):
    """Records of one partition (see `app/kafka/fetched`) and the positions that they span.

    The span may be wider than the records: transaction markers and compacted records lie in it too.

    Attributes:
        tp: the partition.
        start: the fetcher's position before these records.
        end: its position after them, which is the offset to commit once they are done.
        nbytes: keys, values and headers.
        waiting: how many offsets the partition had behind these records when they were fetched.
        epoch: the assignment that it was fetched under; results of an earlier one are dropped.
        acknowledged: every record is confirmed in the output or the dead-letter topic, and the position committed with
            them where they are committed together.
    """

    __slots__ = ("acknowledged", "end", "epoch", "nbytes", "start", "tp", "waiting")

    def __init__(
        self,
        records: Iterable[Any],
        *,
        tp: TopicPartition,
        start: int,
        end: int,
        nbytes: int,
        epoch: int,
        waiting: int = 0,
    ) -> None:
        super().__init__(records)
        self.tp = tp
        self.start = start
        self.end = end
        self.nbytes = nbytes
        self.epoch = epoch
        self.waiting = waiting
        self.acknowledged = False

    # Chunks are told apart by identity: comparing them record by record would never be meant.
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

"""Which partition an outgoing record goes to."""

from collections.abc import Callable

from aiokafka.partitioner import murmur2


class Router:
    """Keep a record's partition when both topics have equally many; else spread by key as Java's producer does.

    Args:
        count: tells how many partitions a topic has now (topics may gain some).
        source_topic: the topic that records come from.
    """

    def __init__(self, count: Callable[[str], int], source_topic: str) -> None:
        self._count = count
        self._source_topic = source_topic

    def is_aligned(self, topic: str) -> bool:
        """Whether records keep their partition on the way to *topic*."""
        return self._count(topic) == self._count(self._source_topic)

    def partition(self, topic: str, source_partition: int, key: bytes | None) -> int:
        """The partition of *topic* for a record that came from *source_partition*."""
        if self.is_aligned(topic):
            return source_partition
        if key is None:
            return source_partition % self._count(topic)
        return int((murmur2(key) & 0x7FFFFFFF) % self._count(topic))

"""Where records that are written again go to."""

from collections.abc import Callable

from app.kafka.client import Client
from app.kafka.idempotent import IdempotentProducer
from app.kafka.routing import Router
from app.outbox import send
from app.records import Outgoing
from app.replay.feeding import Publish


class _Spread(Router):
    """For records that come from no partition: by their keys, else in turn."""

    def __init__(self, count: Callable[[str], int]) -> None:
        super().__init__(count, "")
        self._turn = 0

    def is_aligned(self, topic: str) -> bool:
        """They never are."""
        return False

    def partition(self, topic: str, source_partition: int, key: bytes | None) -> int:
        """The partition of *topic* for a record with this key."""
        self._turn += key is None
        return super().partition(topic, self._turn, key)


def publisher(client: Client, topic: str, came_from: str | None) -> Publish:
    """Return what writes to *topic* what comes from the topic *came_from*, or from none."""
    producer, count = IdempotentProducer(client), client.partition_count
    router = _Spread(count) if came_from is None else Router(count, came_from)

    async def publish(source: int | None, records: list[Outgoing]) -> int:
        return len(await send(router, producer, topic, source or 0, records))

    return publish

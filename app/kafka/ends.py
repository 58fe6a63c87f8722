"""Where partitions end, asked of the brokers apart from fetching."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.errors import LeaderNotAvailableError, NotLeaderForPartitionError
from faust.types import TP

from app.kafka.client import Client
from app.kafka.offsets import LATEST, offsets_at

# Another broker leads it by now, or nobody does yet.
_MOVED = (NotLeaderForPartitionError, LeaderNotAvailableError)


class EndOffsets:
    """Asks for the offset after the newest record of partitions that may be read: none that a transaction holds up.

    Args:
        client: the way to the brokers; a connection of its own is used, so that no long answer is in the way.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def __call__(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Return the end of each partition that somebody leads at the moment.

        Raises:
            KafkaError: a broker does not say.
        """
        by_leader: dict[int, list[TopicPartition]] = defaultdict(list)
        for tp in (TopicPartition(*each) for each in tps):
            with suppress(LeaderNotAvailableError):
                by_leader[await self._client.leader(tp)].append(tp)
        ends: dict[TP, int] = {}
        for node, mine in by_leader.items():
            offsets, errors = await offsets_at(self._client, node, mine, LATEST, isolation=READ_COMMITTED, way="ends")
            for error in errors.values():
                if not isinstance(error, _MOVED):
                    raise error
            ends |= {TP(*tp): offset for tp, offset in offsets.items()}
            if len(offsets) < len(mine):
                await self._client.refresh()
        return ends

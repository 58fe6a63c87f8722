"""Where partitions end, asked of the brokers apart from fetching."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, LeaderNotAvailableError, NoError, NotLeaderForPartitionError, for_code
from aiokafka.protocol.offset import OffsetRequest
from faust.types import TP

from app.kafka.client import Client

_A_CONSUMER = -1
_LATEST = -1
_READ_COMMITTED = 1
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
        by_leader: dict[int, list[TP]] = defaultdict(list)
        for tp in tps:
            with suppress(LeaderNotAvailableError):
                by_leader[await self._client.leader(TopicPartition(*tp))].append(tp)
        ends: dict[TP, int] = {}
        for node, mine in by_leader.items():
            told = _read(await self._client.request(node, _request(mine), way="ends"))
            ends |= told
            if told.keys() != set(mine):
                await self._client.refresh()
        return ends


def _request(tps: Iterable[TP]) -> OffsetRequest:
    topics: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for tp in tps:
        topics[tp.topic].append((tp.partition, _LATEST))
    return OffsetRequest(_A_CONSUMER, _READ_COMMITTED, list(topics.items()))


def _read(answer: Any) -> dict[TP, int]:
    ends: dict[TP, int] = {}
    for topic, partitions in answer.topics:
        for partition, code, *rest in partitions:
            if (kind := for_code(code)) in _MOVED:
                continue
            if kind is not NoError:
                error: KafkaError = kind(f"{topic}[{partition}]")
                raise error
            _timestamp, ends[TP(topic, partition)], *_epoch = rest
    return ends

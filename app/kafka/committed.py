"""What a consumer group has committed, asked and told from outside the group."""

from collections.abc import Callable
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import CoordinationType
from aiokafka.errors import KafkaError, NoError, for_code
from aiokafka.protocol.commit import OffsetCommitRequest

from app.kafka.client import Client
from app.kafka.coordinator import Coordinator
from app.kafka.protocol import SettledOffsetsRequest, settled_offset
from app.kafka.reader import PATIENCE_SECONDS, patiently

_WAY = "committed"


class GroupOffsets:
    """The committed offsets of one group.

    Args:
        client: the way to the brokers.
        group: whose offsets.
        patience_seconds: how long brokers may fail to answer.
    """

    def __init__(self, client: Client, group: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.group = group
        self._client = client
        self._coordinator = Coordinator(client, CoordinationType.GROUP, group)
        self._patience_seconds = patience_seconds

    async def committed(self, tp: TopicPartition) -> int | None:
        """The next offset that the group would read, once no transaction is about to change it; None without one.

        Raises:
            KafkaError: the broker does not say.
        """
        offset = await self._ask(SettledOffsetsRequest(self.group, tp.topic, tp.partition), settled_offset)
        return None if offset < 0 else offset

    async def commit(self, tp: TopicPartition, offset: int) -> None:
        """Set that offset; the group must have no members.

        Raises:
            KafkaError: the broker does not take it.
        """
        wanted = [(tp.topic, [(tp.partition, offset, "")])]
        retention = OffsetCommitRequest.DEFAULT_RETENTION_TIME
        generation = OffsetCommitRequest.DEFAULT_GENERATION_ID
        await self._ask(OffsetCommitRequest(self.group, generation, "", retention, wanted), _taken)

    async def _ask(self, request: Any, read: Callable[[Any], tuple[int, int]]) -> int:
        """Return the offset in the answer, which *read* takes out together with the error code."""

        async def once() -> int:
            try:
                answer = await self._client.request(await self._coordinator.node(), request, way=_WAY)
                offset, code = read(answer)
                if (kind := for_code(code)) is not NoError:
                    raise kind(self.group)
                return offset
            except KafkaError:
                self._coordinator.forget()
                raise

        return await patiently(once, self._client, self._patience_seconds)


def _taken(answer: Any) -> tuple[int, int]:
    ((_topic, ((_partition, code),)),) = answer.topics
    return -1, code

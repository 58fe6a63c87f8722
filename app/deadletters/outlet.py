"""Where the letters of one dead-letter partition leave: written, and committed as progress."""

import asyncio
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence

from aiokafka import TopicPartition

from app.backoff import endless_pauses
from app.deadletters.destination import Addressed
from app.errors import ProducerFenced, ProducerLost
from app.kafka.client import Client
from app.kafka.committed import GroupOffsets
from app.kafka.producer import Producer, Refusal
from app.kafka.transactional import TransactionalProducer


class Outlet(ABC):
    """Takes the letters of one partition, in order.

    Attributes:
        trouble: what went wrong last and was tried again.
    """

    trouble: str = "no answer"

    @abstractmethod
    async def open(self) -> int | None:
        """Take the partition over from whoever replays it; returns the offset that is committed, None without one."""

    @abstractmethod
    async def settle(self, letters: Sequence[Addressed], offset: int) -> Mapping[int, Refusal]:
        """Write *letters* and commit *offset*; returns the places of those that the broker refuses, and why.

        Raises:
            ProducerFenced: somebody else has taken the partition over.
            PublishFailed: the broker takes nothing.
            KafkaError: the offset cannot be committed.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of it."""


class ExactlyOnce(Outlet):
    """Writes and commits in one transaction.

    Args:
        client: the way to the brokers.
        topic: where letters go.
        source: the dead-letter partition.
        offsets: of the group that keeps the progress.
    """

    def __init__(self, client: Client, *, topic: str, source: TopicPartition, offsets: GroupOffsets) -> None:
        self._topic = topic
        self._source = source
        self._offsets = offsets
        self._producer = TransactionalProducer(client, group=offsets.group, source=source, hold_seconds=0.0)
        self._committed: int | None = None

    async def open(self) -> int | None:
        """End whoever had it before, and what they left unfinished; only then their progress stands."""
        pauses = endless_pauses(0.1, 2.0)
        while True:
            try:
                await self._producer.open()
            except ProducerLost as error:
                self.trouble = str(error)
                await asyncio.sleep(next(pauses))
            else:
                self._committed = await self._offsets.committed(self._source)
                return self._committed

    async def settle(self, letters: Sequence[Addressed], offset: int) -> Mapping[int, Refusal]:
        """Write and commit; where an answer was lost, the committed offset tells what became of the transaction."""
        before = self._committed
        while True:
            refused: Mapping[int, Refusal] = {}
            try:
                refused = await _publish(self._producer, self._topic, letters)
                await self._producer.commit(offset)
                self._committed = offset
            except ProducerLost as error:
                self.trouble = str(error)
                await self.open()
            if self._committed == offset:
                return refused
            if self._committed != before:
                raise ProducerFenced(f"{self._offsets.group}: the committed offset was changed by somebody else")

    async def close(self) -> None:
        """Abort what is open."""
        await self._producer.close()


class AtLeastOnce(Outlet):
    """Writes, then commits.

    Args:
        producer: may serve other partitions too.
        topic: where letters go.
        source: the dead-letter partition.
        offsets: of the group that keeps the progress.
    """

    def __init__(self, producer: Producer, *, topic: str, source: TopicPartition, offsets: GroupOffsets) -> None:
        self._producer = producer
        self._topic = topic
        self._source = source
        self._offsets = offsets

    async def open(self) -> int | None:
        """Nobody can be ended here: of two at once, both write."""
        return await self._offsets.committed(self._source)

    async def settle(self, letters: Sequence[Addressed], offset: int) -> Mapping[int, Refusal]:
        """Write and commit; in between, a crash makes the next replay write again."""
        refused = await _publish(self._producer, self._topic, letters)
        await self._offsets.commit(self._source, offset)
        return refused

    async def close(self) -> None:
        """What was written is final."""


async def _publish(producer: Producer, topic: str, letters: Sequence[Addressed]) -> dict[int, Refusal]:
    places: dict[int, list[int]] = defaultdict(list)
    for place, each in enumerate(letters):
        places[each.partition].append(place)
    refused: dict[int, Refusal] = {}
    for partition, mine in places.items():
        found = await producer.publish(topic, partition, [letters[place].record for place in mine])
        refused |= {mine[index]: why for index, why in found.items()}
    return refused

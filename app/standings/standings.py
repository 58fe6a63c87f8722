"""The tables of the partitions that are ours: opened from the topic that keeps them, and looked after."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

from aiokafka import TopicPartition
from faust.types import TP

from app.errors import ServiceError
from app.kafka.client import Client
from app.kafka.offsets import LATEST, offsets_at
from app.kafka.reader import TopicReader
from app.kafka.state_topic import StateTopic
from app.lane import Work
from app.records import Outgoing
from app.standings.restored import Restored
from app.standings.table import Rules, Table

logger = logging.getLogger(__name__)

# So many are taken in between two turns of the event loop.
_AT_ONCE = 500
_READ_UNCOMMITTED = 0
_WAY = "standings"


class Standings:
    """The standings of a worker.

    Args:
        rules: how they are kept.
        topic: keeps them.
        client: the way to the brokers.
    """

    def __init__(self, rules: Rules, topic: StateTopic, client: Client) -> None:
        self.rules = rules
        self._topic = topic
        self._client = client
        self._tables: dict[TP, Table] = {}

    @property
    def topic(self) -> str:
        """The name of the topic that keeps them."""
        return self._topic.name

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return sum(table.groups for table in self._tables.values())

    @property
    def members(self) -> int:
        """How many members they have, together."""
        return sum(table.members for table in self._tables.values())

    def status(self) -> dict[str, Any]:
        """What `/status` tells of them."""
        return {"topic": self.topic, "groups": self.groups, "members": self.members}

    def settle(self, ready: Sequence[Work]) -> list[Outgoing]:
        """Make rankings of the scores in consecutive work of one partition; see `Table.settle`."""
        return self._tables[TP(*ready[0].chunk.tp)].settle(ready)

    async def open(self, tp: TP) -> None:
        """Read what the topic keeps of an input partition, which nobody else may change any more.

        Raises:
            KafkaError: the brokers do not give it now; trying again may help.
            ServiceError: it is not what we keep there.
        """
        began = time.monotonic()
        await self._topic.reach(tp.partition)
        restored = await self._restored(tp.partition)
        if restored.newest >= await self._end(TopicPartition(*tp)):
            logger.warning("the input topic was made anew: standings begin anew", extra=_about(tp))
            table = restored.void()
        else:
            table = restored.table()
        self._tables[tp] = table
        figures = {"groups": table.groups, "members": table.members, "seconds": round(time.monotonic() - began, 2)}
        logger.info("standings restored", extra=_about(tp) | figures)

    def close(self, tp: TP) -> None:
        """Forget a partition, which is somebody else's or opened anew."""
        self._tables.pop(tp, None)

    async def run(self) -> None:
        """Let groups time out until cancelled."""
        pause = min(60.0, max(0.1, self.rules.ttl_seconds / 10))
        while True:
            await asyncio.sleep(pause)
            for table in self._tables.values():
                table.sweep()

    async def _restored(self, partition: int) -> Restored:
        reader = TopicReader(self._client, self.topic)
        restored = Restored(self.rules)
        span = await reader.span(partition)
        async for records in reader.chunks(partition, span):
            for start in range(0, len(records), _AT_ONCE):
                for record in records[start : start + _AT_ONCE]:
                    try:
                        restored.take(record.key, record.value, record.timestamp)
                    except ValueError as error:
                        where = f"{self.topic}[{partition}]@{record.offset}"
                        raise ServiceError(
                            f"{where}: {error}. Set STANDINGS_TOPIC to a topic that nobody else writes to"
                        ) from error
                await asyncio.sleep(0)
        return restored

    async def _end(self, tp: TopicPartition) -> int:
        node = await self._client.leader(tp)
        offsets, errors = await offsets_at(self._client, node, [tp], LATEST, isolation=_READ_UNCOMMITTED, way=_WAY)
        for error in errors.values():
            raise error
        return offsets[tp]


def _about(tp: TP) -> dict[str, object]:
    return {"topic": tp.topic, "partition": tp.partition}

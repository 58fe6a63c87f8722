"""Publish records as whole batches and wait until the broker confirms them."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from app.errors import PublishFailed
from app.records import Outgoing

logger = logging.getLogger(__name__)

# Kafka's default limit for a record batch is 1,048,588 bytes.
BATCH_BYTES = 1_000_000
# The client must not refuse what the input topic could carry: only the broker knows the output topic's limit.
REQUEST_BYTES = 1 << 30
LONGEST_BACKOFF_SECONDS = 5.0
# Partitions that a topic gains are known within this.
METADATA_MAX_AGE_MS = 30_000


class Publisher:
    """Sends records in order and returns once the broker has confirmed them.

    Args:
        bootstrap_servers: `host:port` of brokers.
        request_timeout_ms: how long the broker may take for one request.
    """

    def __init__(self, bootstrap_servers: Sequence[str], *, request_timeout_ms: int = 10_000) -> None:
        self._bootstrap_servers = list(bootstrap_servers)
        self._request_timeout_ms = request_timeout_ms
        self._started: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaConnectionError: no broker answers.
        """
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            client_id="streamrank",
            acks="all",
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES,
            request_timeout_ms=self._request_timeout_ms,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._started = producer

    async def stop(self) -> None:
        """Disconnect; what is not confirmed by now is not waited for by anybody."""
        if self._started is not None:
            producer, self._started = self._started, None
            await producer.stop()

    @property
    def _producer(self) -> AIOKafkaProducer:
        if self._started is None:
            raise PublishFailed("the publisher is not started")
        return self._started

    async def missing(self, topics: Sequence[str]) -> list[str]:
        """Those of *topics* that the cluster does not have. Asking does not create them."""
        cluster = await self._producer.client.fetch_all_metadata()
        return [topic for topic in topics if not cluster.partitions_for_topic(topic)]

    async def watch(self, topics: Sequence[str]) -> None:
        """Learn the partitions of *topics*, and keep knowing them."""
        for topic in topics:
            await self._producer.partitions_for(topic)

    def partition_count(self, topic: str) -> int:
        """How many partitions *topic*, which is watched, has by the latest metadata."""
        return len(self._producer.client.cluster.partitions_for_topic(topic) or ())

    async def publish(self, topic: str, partition: int, records: Sequence[Outgoing]) -> list[int]:
        """Publish *records* in order; returns the places of those that the broker refused as too large by themselves.

        A broker that is away is waited for.

        Raises:
            PublishFailed: the broker refuses for a reason that trying again will not mend.
        """
        tp = TopicPartition(topic, partition)
        refused: list[int] = []
        start = 0
        while start < len(records):
            batch = self._fill(records[start:])
            stop = start + batch.record_count()
            refused += [start + place for place in await self._deliver(tp, records[start:stop], batch)]
            start = stop
        return refused

    def _fill(self, records: Sequence[Outgoing]) -> Any:
        """A batch of the first of *records*: as many as fit, at least one."""
        batch = self._producer.create_batch()
        append = batch.append
        for key, value, headers in records:
            if append(key=key, value=value, timestamp=None, headers=headers) is None:
                break
        batch.close()
        return batch

    async def _deliver(self, tp: TopicPartition, records: Sequence[Outgoing], batch: Any) -> list[int]:
        """Send *batch*, which holds *records*; when it is too large, in halves until the culprits are alone."""
        try:
            await self._confirm(tp, records, batch)
        except (MessageSizeTooLargeError, RecordListTooLargeError):
            if len(records) == 1:
                return [0]
            middle = len(records) // 2
            left = await self._deliver(tp, records[:middle], self._fill(records[:middle]))
            right = await self._deliver(tp, records[middle:], self._fill(records[middle:]))
            return left + [middle + place for place in right]
        return []

    async def _confirm(self, tp: TopicPartition, records: Sequence[Outgoing], batch: Any) -> None:
        backoff = 0.1
        while True:
            try:
                await (await self._producer.send_batch(batch, tp.topic, partition=tp.partition))
                return
            except (MessageSizeTooLargeError, RecordListTooLargeError):
                raise
            except KafkaError as error:
                if not (error.retriable or isinstance(error, KafkaTimeoutError | KafkaConnectionError)):
                    message = f"{tp.topic}[{tp.partition}]: the broker refused a batch: {error!r}"
                    raise PublishFailed(message) from error
                _warn(tp, error, backoff)
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)
            batch = self._fill(records)


def _warn(tp: TopicPartition, error: KafkaError, backoff_seconds: float) -> None:
    where = {"topic": tp.topic, "partition": tp.partition}
    logger.warning(
        "the broker does not confirm; trying again",
        extra={**where, "error": repr(error), "backoff_seconds": backoff_seconds},
    )

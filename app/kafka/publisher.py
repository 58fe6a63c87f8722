"""Publish records as whole batches and wait until the broker confirms them."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    BrokerResponseError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    kafka_errors,
)

from app.errors import PublishFailed
from app.records import Outgoing

logger = logging.getLogger(__name__)

# Kafka's default limit for a record batch is 1,048,588 bytes.
BATCH_BYTES = 1_000_000
# The client must not refuse what the input topic could carry: only the broker knows the output topic's limit.
REQUEST_BYTES = 1 << 30
LONGEST_BACKOFF_SECONDS = 5.0
# A batch that is not confirmed within this makes the worker unready.
SLOW_SECONDS = 3.0
# Partitions that a topic gains are known within this.
METADATA_MAX_AGE_MS = 30_000


class InvalidRecordError(BrokerResponseError):  # type: ignore[misc]
    """Kafka's INVALID_RECORD, which aiokafka does not know: the topic does not take such a record."""

    errno = 87
    message = "INVALID_RECORD"


kafka_errors.setdefault(InvalidRecordError.errno, InvalidRecordError)


class Refusal(Enum):
    """Why the broker takes one record and not another."""

    TOO_LARGE = "too_large"
    INVALID = "invalid"


_REFUSALS: Mapping[type[KafkaError], Refusal] = {
    MessageSizeTooLargeError: Refusal.TOO_LARGE,
    RecordListTooLargeError: Refusal.TOO_LARGE,
    kafka_errors[InvalidRecordError.errno]: Refusal.INVALID,
}


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
        self._counts: dict[str, int] = {}
        self._waiting: dict[TopicPartition, float] = {}

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
            self._counts[topic] = len(await self._producer.partitions_for(topic))

    def partition_count(self, topic: str) -> int:
        """How many partitions *topic*, which is watched, has, or had when it was last seen."""
        if partitions := self._producer.client.cluster.partitions_for_topic(topic):
            self._counts[topic] = len(partitions)
        return self._counts[topic]

    @property
    def trouble(self) -> str | None:
        """What the broker does not confirm at the moment; None when it confirms within seconds."""
        now = time.monotonic()
        for tp, since in self._waiting.items():
            if now - since > SLOW_SECONDS:
                return f"{tp.topic}[{tp.partition}]: the broker has not confirmed a batch for {now - since:.0f} s"
        return None

    async def publish(self, topic: str, partition: int, records: Sequence[Outgoing]) -> dict[int, Refusal]:
        """Publish *records* in order; returns the places of those that the broker refuses by themselves, and why.

        A broker that is away is waited for.

        Raises:
            PublishFailed: the broker refuses for a reason that trying again will not mend.
        """
        tp = TopicPartition(topic, partition)
        # One timestamp for all: filled again, a batch must take exactly the records that it took before.
        timestamp_ms = int(time.time() * 1000)
        refused: dict[int, Refusal] = {}
        start = 0
        while start < len(records):
            batch = self._fill(records[start:], timestamp_ms)
            stop = start + batch.record_count()
            refused |= _moved(await self._deliver(tp, records[start:stop], batch, timestamp_ms), start)
            start = stop
        return refused

    def _fill(self, records: Sequence[Outgoing], timestamp_ms: int) -> Any:
        """A batch of the first of *records*: as many as fit, at least one."""
        batch = self._producer.create_batch()
        append = batch.append
        for record in records:
            if append(key=record.key, value=record.value, timestamp=timestamp_ms, headers=record.headers) is None:
                break
        batch.close()
        return batch

    async def _deliver(
        self, tp: TopicPartition, records: Sequence[Outgoing], batch: Any, timestamp_ms: int
    ) -> dict[int, Refusal]:
        """Send *batch*, which holds *records*; when it is refused, in halves until the culprits are alone."""
        self._waiting[tp] = time.monotonic()
        try:
            await self._confirm(tp, records, batch, timestamp_ms)
        except tuple(_REFUSALS) as error:
            if len(records) == 1:
                return {0: _REFUSALS[type(error)]}
            middle = len(records) // 2
            refused: dict[int, Refusal] = {}
            for first, half in ((0, records[:middle]), (middle, records[middle:])):
                refused |= _moved(await self._deliver(tp, half, self._fill(half, timestamp_ms), timestamp_ms), first)
            return refused
        finally:
            self._waiting.pop(tp, None)
        return {}

    async def _confirm(self, tp: TopicPartition, records: Sequence[Outgoing], batch: Any, timestamp_ms: int) -> None:
        backoff = 0.1
        while True:
            try:
                await (await self._producer.send_batch(batch, tp.topic, partition=tp.partition))
                return
            except tuple(_REFUSALS):
                raise
            except KafkaError as error:
                if not (error.retriable or isinstance(error, KafkaTimeoutError | KafkaConnectionError)):
                    message = f"{tp.topic}[{tp.partition}]: the broker refused a batch: {error!r}"
                    raise PublishFailed(message) from error
                _warn(tp, error, backoff)
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)
            batch = self._fill(records, timestamp_ms)


def _moved(refused: Mapping[int, Refusal], by: int) -> dict[int, Refusal]:
    return {place + by: why for place, why in refused.items()}


def _warn(tp: TopicPartition, error: KafkaError, backoff_seconds: float) -> None:
    where = {"topic": tp.topic, "partition": tp.partition}
    logger.warning(
        "the broker does not confirm; trying again",
        extra={**where, "error": repr(error), "backoff_seconds": backoff_seconds},
    )

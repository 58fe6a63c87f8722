"""Partitions read from their beginning, without a consumer group."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import FetchResult

from app.audit.failure import AuditFailed
from app.kafka.fetched import take
from app.kafka.in_flight import Room

# Longest that nothing new comes before the audit gives up; more than an abandoned transaction lives by default.
PATIENCE_SECONDS = 90.0
FETCH_BYTES = 8 * 1024 * 1024
FETCH_WAIT_MS = 100
PIECE_RECORDS = 10_000
POLL_SECONDS = 0.01


class Reader:
    """Reads one partition after the other; use it in `async with`.

    Args:
        isolation: `read_committed` or `read_uncommitted`.
        connection: what aiokafka's clients are told of the brokers.
    """

    def __init__(self, isolation: str, **connection: Any) -> None:
        self._consumer = AIOKafkaConsumer(
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level=isolation,
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            **connection,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def partitions(self, topic: str) -> list[TopicPartition]:
        """All partitions of a topic, in order.

        Raises:
            AuditFailed: there is no such topic. Asking does not create it.
        """
        cluster = await self._consumer._client.fetch_all_metadata()
        numbers = cluster.partitions_for_topic(topic)
        if not numbers:
            raise AuditFailed(f"the topic {topic} does not exist, or may not be seen")
        return [TopicPartition(topic, number) for number in sorted(numbers)]

    async def starts(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The first offset that the broker still has of each partition."""
        offsets: dict[TopicPartition, int] = await self._consumer.beginning_offsets(partitions)
        return offsets

    async def offsets_at(self, partitions: Collection[TopicPartition], at_ms: int) -> dict[TopicPartition, int]:
        """The first offset of each partition whose timestamp, in milliseconds since the epoch, is *at_ms* or later.

        Partitions without such a record are left out.
        """
        found = await self._consumer.offsets_for_times(dict.fromkeys(partitions, at_ms))
        return {partition: each.offset for partition, each in found.items() if each is not None}

    async def ends(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last record of each partition, whether its transaction has ended or not.

        Raises:
            AuditFailed: a broker does not say.
        """
        # Asked for end offsets, brokers leave out open transactions and all that comes after their first record.
        self._consumer.assign(partitions)
        await self._consumer.seek_to_end(*partitions)
        async with _patience(f"{', '.join(map(name, partitions))}: no answer"):
            while any(self._consumer.highwater(each) is None for each in partitions):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(POLL_SECONDS)
        return {each: self._consumer.highwater(each) for each in partitions}

    async def read(
        self, partition: TopicPartition, stop: int, *, start: int | None = None
    ) -> AsyncIterator[tuple[int, list[Any]]]:
        """Yield the records from *start* until before *stop* piece by piece, each with the offset that comes after it.

        Records have `offset` and `headers`. Offsets without a record are passed over.

        Raises:
            AuditFailed: nothing new came for `PATIENCE_SECONDS`.
        """
        self._consumer.assign([partition])
        if start is not None:
            self._consumer.seek(partition, start)
        position = -1
        while position < stop:
            async with _patience(
                f"{name(partition)}: nothing came after offset {position} of {stop}; a transaction is open, "
                "or the broker is away"
            ):
                records = await self._piece(partition) if position >= 0 else []
                position = await self._consumer.position(partition)
            if records and records[-1].offset >= stop:
                records = [record for record in records if record.offset < stop]
            yield position, records

    async def _piece(self, partition: TopicPartition) -> list[Any]:
        """What comes next; nothing when only the position moves, over aborted records and the like."""
        fetcher = self._consumer._fetcher
        while (result := fetcher._records.get(partition)) is None:
            await fetcher._create_fetch_waiter()
        if not isinstance(result, FetchResult):
            _forget(fetcher, partition)
            result.check_raise()
        if not result.check_assignment(partition):
            _forget(fetcher, partition)
            return []
        taken = take(result._partition_records, Room(PIECE_RECORDS, FETCH_BYTES, empty=True))
        result._update_position()
        if taken.exhausted:
            _forget(fetcher, partition)
        return taken.records


def _forget(fetcher: Any, partition: TopicPartition) -> None:
    del fetcher._records[partition]
    fetcher._notify(fetcher._wait_consume_future)


@asynccontextmanager
async def _patience(otherwise: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield
    except TimeoutError:
        raise AuditFailed(f"{otherwise} ({PATIENCE_SECONDS:g} s)") from None


def name(partition: TopicPartition) -> str:
    """As people write it: `topic[2]`."""
    return f"{partition.topic}[{partition.partition}]"

"""How long a plain aiokafka loop takes to read records and do nothing with them."""

import asyncio
import time

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.cluster import PARTITIONS
from benchmarks.errors import BenchmarkFailed

_POLL_MS = 1000


def seconds_to_read(bootstrap_servers: str, topic: str, count: int, *, within_s: float = 60) -> float:
    """Read *topic* from its beginning until there were *count* records; returns how long it took, connected already.

    Raises:
        BenchmarkFailed: there are fewer, or the broker is very slow.
    """
    return asyncio.run(_read(bootstrap_servers, topic, count, within_s))


async def _read(bootstrap_servers: str, topic: str, count: int, within_s: float) -> float:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False) as consumer:
        partitions = [TopicPartition(topic, each) for each in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        began = time.perf_counter()
        seen = 0
        try:
            async with asyncio.timeout(within_s):
                while seen < count:
                    seen += sum(map(len, (await consumer.getmany(timeout_ms=_POLL_MS)).values()))
        except TimeoutError as error:
            raise BenchmarkFailed(f"read {seen:,} of {count:,} records of {topic} in {within_s} s") from error
        return time.perf_counter() - began

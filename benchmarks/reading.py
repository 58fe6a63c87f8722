"""How long aiokafka's own consumer takes to read records and do nothing with them."""

import asyncio
import time

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.cluster import PARTITIONS

_POLL_MS = 1000


def seconds_to_read(bootstrap_servers: str, topic: str, count: int, *, within_s: float = 60) -> float:
    """Read the first *count* records of *topic*; returns how long it took, connected already.

    A loop around that consumer cannot be faster, whatever else it does.

    Raises:
        TimeoutError: there are fewer, or the broker is very slow.
    """
    return asyncio.run(asyncio.wait_for(_read(bootstrap_servers, topic, count), within_s))


async def _read(bootstrap_servers: str, topic: str, count: int) -> float:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False) as consumer:
        partitions = [TopicPartition(topic, each) for each in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        began = time.perf_counter()
        seen = 0
        while seen < count:
            seen += sum(map(len, (await consumer.getmany(timeout_ms=_POLL_MS)).values()))
        return time.perf_counter() - began

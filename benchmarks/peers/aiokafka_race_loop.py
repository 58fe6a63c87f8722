"""The loop for races as `race_loop`, of the service's own client: `python -m benchmarks.peers.aiokafka_race_loop`.

One thread does everything, the model's calls too, so that nothing is handed over: what is left is aiokafka's price. It
is at most once, for aiokafka commits what was fetched, delivered or not.
"""

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from benchmarks.peers import race_loop, settings
from benchmarks.peers.garbage import spare_the_loaded
from benchmarks.peers.settings import BATCH_SIZE, PeerSettings
from benchmarks.peers.wire import constant_headers


def main() -> None:
    """Rank races until SIGTERM."""
    told = settings.from_environment()
    rank = race_loop.ranker(told)
    spare_the_loaded()
    asyncio.run(_run(told, rank))


async def _run(told: PeerSettings, rank: Callable[[Sequence[bytes]], list[bytes]]) -> None:
    consumer = AIOKafkaConsumer(
        told.input_topic,
        bootstrap_servers=told.bootstrap_servers,
        group_id=told.consumer_group,
        auto_offset_reset="earliest",
        auto_commit_interval_ms=100,
        fetch_max_wait_ms=50,
    )
    producer = AIOKafkaProducer(bootstrap_servers=told.bootstrap_servers, acks="all")
    async with consumer, producer:
        loop = asyncio.create_task(_loop(told, rank, consumer, producer))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, loop.cancel)
        with suppress(asyncio.CancelledError):
            await loop


async def _loop(
    told: PeerSettings,
    rank: Callable[[Sequence[bytes]], list[bytes]],
    consumer: AIOKafkaConsumer,
    producer: AIOKafkaProducer,
) -> None:
    while True:
        fetched = await consumer.getmany(timeout_ms=100, max_records=BATCH_SIZE)
        records = [record for several in fetched.values() for record in several]
        if not records:
            continue
        deliveries = [
            await producer.send(
                told.output_topic, value, key=record.key, partition=record.partition, headers=_headers(told, record)
            )
            for record, value in zip(records, rank([record.value for record in records]), strict=True)
        ]
        await asyncio.gather(*deliveries)


def _headers(told: PeerSettings, record: "ConsumerRecord[bytes, bytes]") -> list[tuple[str, bytes]]:
    constant = constant_headers(told.model_name, record.topic, record.partition)
    return [*record.headers, *constant, ("source-offset", b"%d" % record.offset)]


if __name__ == "__main__":
    main()

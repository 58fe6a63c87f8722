"""Wait for the outputs of a contender, and read them."""

import time
from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from benchmarks.cluster import PARTITIONS, Cluster
from benchmarks.contenders import Running
from benchmarks.errors import BenchmarkFailed

POLL_S = 0.02
"""How often the end offsets are asked for: what is measured while waiting may end this much too late."""
_SILENCE_S = 60
_CHUNK = 10_000


def wait_for_outputs(cluster: Cluster, topic: str, count: int, running: Running) -> None:
    """Return when *topic* has had *count* records.

    Raises:
        BenchmarkFailed: the contender ended, or published nothing for a minute.
    """
    seen, since = 0, time.monotonic()
    while seen < count:
        time.sleep(POLL_S)
        running.check()
        now_seen = cluster.count(topic)
        if now_seen > seen:
            seen, since = now_seen, time.monotonic()
        elif time.monotonic() - since > _SILENCE_S:
            raise BenchmarkFailed(running.complaint(f"stands still at {seen} of {count} outputs"))


def read_all(cluster: Cluster, topic: str) -> Iterator[Message]:
    """Yield everything that *topic* holds now.

    Raises:
        BenchmarkFailed: the broker does not give it.
    """
    left = cluster.count(topic)
    consumer = assigned_consumer(cluster.bootstrap_servers, topic, dict.fromkeys(range(PARTITIONS), 0))
    while left:
        messages = consumer.consume(min(left, _CHUNK), 10)
        if not messages:
            raise BenchmarkFailed(f"{left} records of {topic} could not be read")
        left -= len(messages)
        yield from map(checked, messages)
    consumer.close()


def assigned_consumer(bootstrap_servers: str, topic: str, offsets: Mapping[int, int]) -> Consumer:
    """A consumer of the partitions of *topic* from these offsets on; it commits nothing."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "watch",
            "enable.auto.commit": False,
            "socket.nagle.disable": True,
        }
    )
    consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in offsets.items()])
    return consumer


def checked(message: Message) -> Message:
    """The message itself.

    Raises:
        KafkaException: it stands for an error.
    """
    if message.error():
        raise KafkaException(message.error())
    return message

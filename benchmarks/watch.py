"""Wait for the outputs of a contender, and read them."""

import time
from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from benchmarks.cluster import PARTITIONS, Cluster, Topics
from benchmarks.contenders import Running
from benchmarks.errors import BenchmarkFailed

POLL_S = 0.02
"""How often the end offsets are asked for: what is measured while waiting may end this much too late."""
_SILENCE_S = 60
_CHUNK = 10_000


def wait_for_outputs(cluster: Cluster, topics: Topics, count: int, running: Running) -> None:
    """Return when a reader could see *count* outputs.

    Raises:
        BenchmarkFailed: the contender ended, or published nothing for a minute.
    """
    seen, since = 0, time.monotonic()
    while seen < count:
        time.sleep(POLL_S)
        running.check()
        # In transactions markers count as well, and outputs are there before they can be seen.
        now_seen = cluster.committed(topics) if running.contender.transactional else cluster.count(topics.output)
        if now_seen > seen:
            seen, since = now_seen, time.monotonic()
        elif time.monotonic() - since > _SILENCE_S:
            raise BenchmarkFailed(running.complaint(f"stands still at {seen} of {count} outputs"))


def read_all(cluster: Cluster, topic: str) -> Iterator[Message]:
    """Yield everything that *topic* holds now.

    Raises:
        BenchmarkFailed: the broker does not give it.
    """
    consumer = assigned_consumer(cluster.bootstrap_servers, topic, dict.fromkeys(range(PARTITIONS), 0), tells_ends=True)
    left = PARTITIONS
    while left:
        messages = consumer.consume(_CHUNK, 0.2)
        for message in messages:
            if message.error() and message.error().code() == KafkaError._PARTITION_EOF:
                left -= 1
            else:
                yield checked(message)
    consumer.close()


def assigned_consumer(
    bootstrap_servers: str, topic: str, offsets: Mapping[int, int], *, tells_ends: bool = False
) -> Consumer:
    """A consumer of the partitions of *topic* from these offsets on; it commits nothing, and sees what is committed."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "watch",
            "enable.auto.commit": False,
            "enable.partition.eof": tells_ends,
            "isolation.level": "read_committed",
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

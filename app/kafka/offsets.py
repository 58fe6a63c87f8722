"""Where partitions begin, end, or reach a point in time, asked of the broker that leads them."""

from collections import defaultdict
from collections.abc import Hashable, Iterable

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, NoError, for_code
from aiokafka.protocol.offset import OffsetRequest

from app.kafka.client import Client

FIRST, LATEST = -2, -1
"""In place of a point in time: the first offset that is there, and the one after the last."""

_A_CONSUMER = -1

Offsets = dict[TopicPartition, int]
Errors = dict[TopicPartition, KafkaError]


async def offsets_at(
    client: Client, node: int, tps: Iterable[TopicPartition], at: int, *, isolation: int, way: Hashable
) -> tuple[Offsets, Errors]:
    """Return the offset of each partition that *node* tells, and what it says instead of the others.

    Args:
        client: the way to the brokers.
        node: who leads the partitions.
        tps: which partitions.
        at: `FIRST`, `LATEST`, or milliseconds since the epoch; -1 is the answer where no record is that young.
        isolation: 1 to leave out what open transactions hold up, 0 to count it.
        way: see `Client.request`.

    Raises:
        NotSent, AnswerLost: the broker says nothing.
    """
    wanted: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for tp in tps:
        wanted[tp.topic].append((tp.partition, at))
    answer = await client.request(node, OffsetRequest(_A_CONSUMER, isolation, list(wanted.items())), way=way)
    offsets: Offsets = {}
    errors: Errors = {}
    for topic, partitions in answer.topics:
        for partition, code, *rest in partitions:
            tp = TopicPartition(topic, partition)
            if (kind := for_code(code)) is NoError:
                _timestamp, offsets[tp], *_epoch = rest
            else:
                errors[tp] = kind(f"{topic}[{partition}]")
    return offsets, errors

"""Records as an independent client writes and reads them: confluent-kafka shares no code with what the service uses."""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

COMMON: dict[str, Any] = {"reconnect.backoff.max.ms": 500, "log_level": 0}
_LARGEST = 64 * 1024 * 1024  # bytes: no limit of this client gets in a test's way
_NOW = 0  # librdkafka's timestamp for "now"
_ANY = -1  # librdkafka's partition for "let the partitioner choose"

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A record to be written, or as it was read.

    Attributes:
        partition: None: murmur2 of the key as Java's clients do it; any partition without a key.
        timestamp: milliseconds since the epoch; None: now.
        offset: None until it was read.
    """

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    partition: int | None = None
    timestamp: int | None = None
    offset: int | None = None


class Writer:
    """Writes records and waits for the broker's confirmation.

    Args:
        bootstrap_servers: `host:port` of brokers.
        idempotent: whether the broker knows idempotent producers.
    """

    def __init__(self, bootstrap_servers: str, *, idempotent: bool) -> None:
        self._producer = Producer(
            {
                **COMMON,
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": idempotent,
                # A batch that a new topic refuses for a moment must not be overtaken by the next: a broker that knows
                # nothing of this producer yet takes that one, and librdkafka then believes that the first was written.
                "max.in.flight": 1,
                "partitioner": "murmur2_random",
                "message.max.bytes": _LARGEST,
                "queue.buffering.max.messages": 2_000_000,
            }
        )

    def write(self, topic: str, records: Iterable[Record], within: float) -> list[tuple[int, int]]:
        """Write *records* in order and return `(partition, offset)` of each; KafkaException if one was refused."""
        confirmed: dict[int, tuple[int, int]] = {}
        failed: list[KafkaError] = []

        def on_delivery(number: int, error: KafkaError | None, message: Message) -> None:
            if error:
                failed.append(error)
            else:
                confirmed[number] = message.partition(), message.offset()

        for number, record in enumerate(records):
            self._send(topic, record, partial(on_delivery, number))
        left = self._producer.flush(within)
        if failed or left:
            raise KafkaException(failed[0] if failed else f"{topic}: {left} records unconfirmed after {within} s")
        if any(offset < 0 for _, offset in confirmed.values()):
            raise KafkaException(f"{topic}: confirmed without an offset")
        return [confirmed[number] for number in sorted(confirmed)]

    def close(self) -> None:
        """Let go of whatever is still queued."""
        self._producer.purge()
        self._producer.flush(1)

    def _send(self, topic: str, record: Record, on_delivery: Callable[[KafkaError | None, Message], None]) -> None:
        self._producer.produce(
            topic,
            record.value,
            record.key,
            _ANY if record.partition is None else record.partition,
            on_delivery,
            timestamp=_NOW if record.timestamp is None else record.timestamp,
            headers=list(record.headers),
        )
        self._producer.poll(0)


class Reader:
    """Reads all partitions of a topic, without a consumer group.

    Attributes:
        records: what was read so far, as it came.
        ends: the offset after the newest record of each partition that has been read to its end.
    """

    def __init__(self, bootstrap_servers: str, topic: str, *, isolation: str, start: int = OFFSET_BEGINNING) -> None:
        self.records: list[Record] = []
        self.ends: dict[int, int] = {}
        self._consumer = Consumer(
            {
                **COMMON,
                "bootstrap.servers": bootstrap_servers,
                "group.id": f"reader-{uuid.uuid4()}",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": isolation,
                "fetch.wait.max.ms": 100,
                "fetch.message.max.bytes": _LARGEST,
                "fetch.max.bytes": _LARGEST,
                "receive.message.max.bytes": _LARGEST + 1024,
            }
        )
        # Asked for first: librdkafka waits for half a second when it does not know the leaders of what it is assigned.
        self._partitions = set(self._consumer.list_topics(topic, timeout=30).topics[topic].partitions)
        self._consumer.assign([TopicPartition(topic, partition, start) for partition in self._partitions])

    @property
    def reached_end(self) -> bool:
        """Whether every partition has been read to its end, as of the last look."""
        return self.ends.keys() == self._partitions

    def look(self, seconds: float) -> None:
        """Take what comes within *seconds*."""
        for message in self._consumer.consume(1000, seconds):
            if error := message.error():
                self._note(error, message)
            else:
                self.ends.pop(message.partition(), None)
                self.records.append(_record(message))

    def in_order(self) -> list[Record]:
        """What was read, by partition and offset."""
        return sorted(self.records, key=lambda record: (record.partition, record.offset))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def _note(self, error: KafkaError, message: Message) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            self.ends[message.partition()] = message.offset()
        elif not error.retriable():
            raise KafkaException(error)


def _record(message: Message) -> Record:
    return Record(
        value=message.value(),
        key=message.key(),
        headers=tuple(message.headers() or ()),
        partition=message.partition(),
        timestamp=message.timestamp()[1],
        offset=message.offset(),
    )

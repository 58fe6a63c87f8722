"""Topics of a broker, made, filled, read and measured by an independent client."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import OFFSET_END, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from tests.broker.records import COMMON, Reader, Record, Writer
from tests.broker.session import Broker

_ANSWER_S = 30  # longest wait for one answer of the broker


class TopicClient:
    """Makes, fills, reads and deletes topics on one broker; close() it."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.bootstrap_servers = broker.bootstrap_servers
        self._settings = {**COMMON, "bootstrap.servers": self.bootstrap_servers}
        self._admin = AdminClient(self._settings)
        self._writer = Writer(self.bootstrap_servers, idempotent=broker.transactions)

    def create(self, *names: str, partitions: int = 4, config: Mapping[str, str] | None = None) -> None:
        """Make topics and return when every partition has a leader."""
        wanted = [NewTopic(name, partitions, replication_factor=1, config=dict(config or {})) for name in names]
        for made in self._admin.create_topics(wanted).values():
            made.result(_ANSWER_S)
        for name in names:
            self._wait_for_partitions(name, partitions)

    def grow(self, name: str, partitions: int) -> None:
        """Give a topic more partitions and return when every one has a leader."""
        for grown in self._admin.create_partitions([NewPartitions(name, partitions)]).values():
            grown.result(_ANSWER_S)
        self._wait_for_partitions(name, partitions)

    def delete(self, *names: str) -> None:
        """Delete topics and return when the broker no longer lists them."""
        for gone in self._admin.delete_topics(list(names)).values():
            gone.result(_ANSWER_S)
        _wait_until(lambda: not set(names) & set(self.names()), _ANSWER_S, f"{names} still listed")

    def delete_records(self, name: str, partition: int, before: int) -> None:
        """Let the broker forget the records below offset *before*, as retention does."""
        for forgotten in self._admin.delete_records([TopicPartition(name, partition, before)]).values():
            forgotten.result(_ANSWER_S)

    def names(self) -> list[str]:
        """The topics that exist."""
        return sorted(self._admin.list_topics(timeout=_ANSWER_S).topics)

    def partitions(self, name: str) -> list[int]:
        """The partitions of a topic that have a leader."""
        about = self._admin.list_topics(name, timeout=_ANSWER_S).topics[name]
        return sorted(number for number, each in about.partitions.items() if each.leader >= 0)

    def end_offsets(self, name: str) -> dict[int, int]:
        """The offset after the newest record of each partition; transaction markers have offsets, too."""
        # Taken from what fetching says: asked for end offsets, the embedded broker counts its last batch as one record.
        with Reader(self.bootstrap_servers, name, isolation="read_uncommitted", start=OFFSET_END) as reader:
            self._read_to_end(reader, name, _ANSWER_S)
            return dict(sorted(reader.ends.items()))

    def committed_offsets(self, name: str, group: str) -> dict[int, int]:
        """The next offset that *group* would read of each partition; partitions without a commit are left out."""
        member = Consumer({**self._settings, "group.id": group, "enable.auto.commit": False})
        try:
            asked = [TopicPartition(name, partition) for partition in self.partitions(name)]
            answer = member.committed(asked, timeout=_ANSWER_S)
        finally:
            member.close()
        return {each.partition: each.offset for each in answer if each.offset >= 0}

    def commit(self, name: str, group: str, offsets: Mapping[int, int]) -> None:
        """Set the next offset that *group*, which has no members, reads of each partition."""
        member = Consumer({**self._settings, "group.id": group, "enable.auto.commit": False})
        try:
            member.commit(offsets=[TopicPartition(name, *each) for each in offsets.items()], asynchronous=False)
        finally:
            member.close()

    def wait_until_committed(
        self, name: str, group: str, goal: Mapping[int, int] | None = None, *, within: float = 30
    ) -> None:
        """Return when *group* has committed *goal*, or all that is there now; TimeoutError when that takes longer."""
        goal = goal or {partition: end for partition, end in self.end_offsets(name).items() if end}
        reached = f"{group} had not committed {goal} of {name}"
        _wait_until(lambda: self.committed_offsets(name, group).items() >= goal.items(), within, reached)

    def write(self, name: str, records: Iterable[Record], *, within: float = 120) -> list[tuple[int, int]]:
        """Write records in order; return `(partition, offset)` of each, as the broker confirmed them."""
        return self._writer.write(name, records, within)

    def read(self, name: str, count: int, *, within: float = 60, isolation: str = "read_committed") -> list[Record]:
        """Read from the beginning until *count* records came or *within* seconds passed, and return what came.

        Ordered by partition and offset; more than *count* when the last look brought more.
        """
        with Reader(self.bootstrap_servers, name, isolation=isolation) as reader:
            deadline = time.monotonic() + within
            while len(reader.records) < count and time.monotonic() < deadline:
                reader.look(0.1)
            return reader.in_order()

    def read_all(self, name: str, *, within: float = 60, isolation: str = "read_committed") -> list[Record]:
        """Read all that is in the topic now, ordered by partition and offset; TimeoutError when that takes longer."""
        with Reader(self.bootstrap_servers, name, isolation=isolation) as reader:
            self._read_to_end(reader, name, within)
            return reader.in_order()

    def close(self) -> None:
        """Let go of whatever is still queued."""
        self._writer.close()

    def _read_to_end(self, reader: Reader, name: str, within: float) -> None:
        deadline = time.monotonic() + within
        while not reader.reached_end:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name}: {len(reader.records)} records and no end within {within} s")
            reader.look(0.1)

    def _wait_for_partitions(self, name: str, count: int) -> None:
        _wait_until(lambda: len(self.partitions(name)) == count, _ANSWER_S, f"{name} has not {count} led partitions")


@dataclass(frozen=True, slots=True)
class Topics:
    """Names that no other test uses: three topics that exist, and a consumer group that does not yet."""

    input: str
    output: str
    dead_letters: str
    group: str
    client: TopicClient


@contextmanager
def fresh_topics(broker: Broker, *, partitions: int = 4, config: Mapping[str, str] | None = None) -> Iterator[Topics]:
    """Make an input, an output and a dead-letter topic, and delete them afterwards."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    client = TopicClient(broker)
    topics = Topics(f"{name}.in", f"{name}.out", f"{name}.in.dead-letters", f"{name}.group", client)
    names = topics.input, topics.output, topics.dead_letters
    try:
        client.create(*names, partitions=partitions, config=config)
        yield topics
        client.delete(*set(names).intersection(client.names()))
    finally:
        client.close()


def _wait_until(condition: Callable[[], bool], within: float, otherwise: str) -> None:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{otherwise} within {within} s")
        time.sleep(0.02)  # Kafka tells nobody when this becomes true; every look is a round trip to the broker

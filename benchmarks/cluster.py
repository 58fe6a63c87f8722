"""The Kafka that all contenders share, and the topics of each run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from benchmarks.errors import BenchmarkFailed
from tests.broker.apache_kafka import ApacheKafka

PARTITIONS = 4
_ANSWER_S = 30


@dataclass(frozen=True, slots=True)
class Topics:
    """One run's topics and its consumer group, used by nobody else."""

    name: str

    @property
    def input(self) -> str:
        """Where records wait."""
        return f"{self.name}-records"

    @property
    def output(self) -> str:
        """Where predictions go; the broker stamps them when it appends them."""
        return f"{self.name}-predictions"

    @property
    def dead_letters(self) -> str:
        """Where the service puts what it refuses."""
        return f"{self.name}-dead-letters"

    @property
    def group(self) -> str:
        """The consumer group."""
        return f"{self.name}-group"


class Cluster:
    """A running broker and the questions that a benchmark asks it."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
        self._runs = 0

    @contextmanager
    def fresh_topics(self) -> Iterator[Topics]:
        """Make the topics of one run; they are deleted afterwards."""
        self._runs += 1
        topics = Topics(f"run-{self._runs}")
        self._create(topics)
        try:
            yield topics
        finally:
            for gone in self._admin.delete_topics([topics.input, topics.output, topics.dead_letters]).values():
                gone.result(_ANSWER_S)

    def _create(self, topics: Topics) -> None:
        stamped = {"message.timestamp.type": "LogAppendTime"}
        wanted = [
            NewTopic(topics.input, PARTITIONS, 1),
            NewTopic(topics.output, PARTITIONS, 1, config=stamped),
            NewTopic(topics.dead_letters, PARTITIONS, 1),
        ]
        for made in self._admin.create_topics(wanted).values():
            made.result(_ANSWER_S)
        for each in wanted:
            self._wait_until_it_answers(each.topic)

    def _wait_until_it_answers(self, topic: str) -> None:
        """Return when all partitions of a new topic can be asked; a moment after its creation they refuse."""
        deadline = time.monotonic() + _ANSWER_S
        while not self._answers(topic):
            if time.monotonic() > deadline:
                raise BenchmarkFailed(f"{topic} does not answer {_ANSWER_S} s after it was made")
            time.sleep(0.02)

    def _answers(self, topic: str) -> bool:
        # list_topics also renews what the client knows; else it would go on believing that there is no leader.
        about = self._admin.list_topics(topic, timeout=_ANSWER_S).topics[topic]
        leaders = [each.leader for each in about.partitions.values()]
        if len(leaders) < PARTITIONS or min(leaders) < 0:
            return False
        try:
            self.end_offsets(topic)
        except KafkaException:
            return False
        return True

    def end_offsets(self, topic: str) -> dict[int, int]:
        """The offset after the newest record of each partition."""
        latest = {TopicPartition(topic, each): OffsetSpec.latest() for each in range(PARTITIONS)}
        answers = self._admin.list_offsets(latest)
        return {asked.partition: answer.result(_ANSWER_S).offset for asked, answer in answers.items()}

    def count(self, topic: str) -> int:
        """How many records *topic* has had."""
        return sum(self.end_offsets(topic).values())

    def committed(self, topics: Topics) -> int:
        """How many records of the input topic the group has committed."""
        asked = ConsumerGroupTopicPartitions(topics.group)
        (answer,) = self._admin.list_consumer_group_offsets([asked]).values()
        try:
            return sum(each.offset for each in answer.result(_ANSWER_S).topic_partitions)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return 0
            raise


@contextmanager
def apache_kafka(folder: Path) -> Iterator[Cluster]:
    """Run a broker of our own in *folder*.

    Raises:
        KafkaUnavailable: Java or Maven is missing.
    """
    # Deleted topics free their space at once: a full run writes several gigabytes.
    with ApacheKafka(folder, properties={"log.segment.delete.delay.ms": "1000"}) as broker:
        yield Cluster(broker.bootstrap_servers)

"""Where the input ends and how far the group has come, asked of the broker itself."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.broker.records import COMMON

_ANSWER_S = 2.0


class Silent(Exception):
    """The broker does not tell now."""


class Offsets:
    """Asks about one topic and one group; close() it.

    A consumer that never joins the group is asked, because librdkafka's AdminClient aborts the process now and then
    when the broker that it waits for is killed. After a failure another one is made: what librdkafka has heard of
    leaders while the broker came up it may believe for minutes.
    """

    def __init__(self, bootstrap_servers: str, topic: str, partitions: int, group: str) -> None:
        self._partitions = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._settings = {
            **COMMON,
            "bootstrap.servers": bootstrap_servers,
            "group.id": group,
            "enable.auto.commit": False,
            # Offsets of open transactions are not waited for, and not counted.
            "isolation.level": "read_uncommitted",
        }
        self._consumer: Consumer | None = None

    def ends(self) -> dict[int, int]:
        """The offset after the newest record of each partition.

        Raises:
            Silent: the broker does not tell.
        """
        with self._asked() as consumer:
            found = {tp.partition: consumer.get_watermark_offsets(tp, _ANSWER_S) for tp in self._partitions}
        return {partition: end for partition, (_, end) in found.items()}

    def committed(self) -> dict[int, int]:
        """The next offset that the group would read of each partition; 0 where it has committed nothing.

        Raises:
            Silent: the broker does not tell.
        """
        with self._asked() as consumer:
            found = consumer.committed(self._partitions, _ANSWER_S)
            if wrong := next((each.error for each in found if each.error), None):
                raise KafkaException(wrong)
        return {each.partition: max(0, each.offset) for each in found}

    def close(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            consumer.close()

    @contextmanager
    def _asked(self) -> Iterator[Consumer]:
        if self._consumer is None:
            self._consumer = Consumer(self._settings)
        try:
            yield self._consumer
        except KafkaException as error:
            self.close()
            raise Silent(str(error)) from error

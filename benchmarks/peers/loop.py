"""The loop of the confluent-kafka peers: consume, answer, publish, store offsets once everything is delivered."""

import signal
from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from benchmarks.peers.garbage import spare_the_loaded
from benchmarks.peers.settings import BATCH_SIZE, PeerSettings, Tuning
from benchmarks.peers.wire import Headers, constant_headers

Answer = Callable[[Sequence[Message]], Sequence[bytes]]
"""One output value per message, in order."""

_UNCONFIRMED_MOST = 8 * BATCH_SIZE
_IDLE_S = 0.1


def run(settings: PeerSettings, answer: Answer) -> None:
    """Answer records until SIGTERM; then deliver, commit and leave the group.

    Raises:
        KafkaException: consuming or a delivery failed; what was not delivered stays uncommitted.
    """
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    spare_the_loaded()
    loop = _Loop(settings, answer)
    while not stopped:
        loop.turn()
    loop.close()


class _Loop:
    def __init__(self, settings: PeerSettings, answer: Answer) -> None:
        self._settings = settings
        self._answer = answer
        self._consumer = Consumer(_consuming(settings))
        self._producer = Producer(_producing(settings))
        self._consumer.subscribe([settings.input_topic])
        self._headers: dict[int, Headers] = {}
        self._unstored: dict[int, int] = {}

    def turn(self) -> None:
        messages = self._take()
        if messages:
            self._publish(messages, self._answer(messages))
        self._producer.poll(0)
        if len(self._producer) > _UNCONFIRMED_MOST:
            self._producer.flush()
        # An empty queue means delivered: a failure would have raised in poll() or flush().
        if self._unstored and not len(self._producer):
            self._store()

    def close(self) -> None:
        self._producer.flush()
        self._store()
        self._consumer.close()

    def _take(self) -> list[Message]:
        # consume(n, timeout) waits for n messages or the whole time-out; so wait for one, then take what is there.
        first = self._consumer.poll(_IDLE_S)
        return [] if first is None else [first, *self._consumer.consume(BATCH_SIZE - 1, 0)]

    def _publish(self, messages: Sequence[Message], values: Sequence[bytes]) -> None:
        produce, topic = self._producer.produce, self._settings.output_topic
        for message, value in zip(messages, values, strict=True):
            if message.error():
                raise KafkaException(message.error())
            partition, offset = message.partition(), message.offset()
            headers = [*(message.headers() or ()), *self._constant(partition), ("source-offset", b"%d" % offset)]
            produce(topic, value, message.key(), partition, on_delivery=_raise, headers=headers)
            self._unstored[partition] = offset + 1

    def _constant(self, partition: int) -> Headers:
        known = self._headers.get(partition)
        if known is None:
            known = constant_headers(self._settings.model_name, self._settings.input_topic, partition)
            self._headers[partition] = known
        return known

    def _store(self) -> None:
        topic = self._settings.input_topic
        offsets = [TopicPartition(topic, partition, offset) for partition, offset in self._unstored.items()]
        if offsets:
            self._consumer.store_offsets(offsets=offsets)
        self._unstored.clear()


def _raise(error: KafkaError, _message: Message) -> None:
    # Called for failures only: see delivery.report.only.error.
    raise KafkaException(error)


def _consuming(settings: PeerSettings) -> dict[str, str | int | bool]:
    return {
        "bootstrap.servers": settings.bootstrap_servers,
        "group.id": settings.consumer_group,
        "auto.offset.reset": "earliest",
        # Commits in the background what we stored, as often as the service does.
        "enable.auto.commit": True,
        "auto.commit.interval.ms": 100,
        "enable.auto.offset.store": False,
        "socket.nagle.disable": True,
    }


def _producing(settings: PeerSettings) -> dict[str, str | int | bool]:
    return {
        "bootstrap.servers": settings.bootstrap_servers,
        "acks": "all",
        # Without any linger a batch of records costs twice the requests; with more than this nothing is gained.
        "linger.ms": 5 if settings.tuning is Tuning.THROUGHPUT else 0,
        "batch.size": 1_000_000,
        "queue.buffering.max.messages": 1_000_000,
        "delivery.report.only.error": True,
        "socket.nagle.disable": True,
    }

"""What the way out of an input partition promises, whatever the guarantee."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from aiokafka import TopicPartition
from aiokafka.errors import InvalidTransactionTimeout, KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from app.errors import PublishFailed
from app.kafka.denied import hint
from app.kafka.protocol import InvalidRecordError
from app.records import Outgoing

# A batch that is not confirmed within this makes the worker unready.
SLOW_SECONDS = 3.0


class Refusal(Enum):
    """Why the broker takes one record and not another."""

    TOO_LARGE = "too_large"
    INVALID = "invalid"


class BatchRefused(Exception):
    """The broker took nothing of a batch of so many *records*, because of what is in it."""

    def __init__(self, refusal: Refusal, records: int) -> None:
        super().__init__(f"{records} records: {refusal.value}")
        self.refusal = refusal
        self.records = records


_REFUSALS: Mapping[type[KafkaError], Refusal] = {
    MessageSizeTooLargeError: Refusal.TOO_LARGE,
    RecordListTooLargeError: Refusal.TOO_LARGE,
    InvalidRecordError: Refusal.INVALID,
}


@dataclass(slots=True, eq=False)
class _Wait:
    """Since when a batch waits for its confirmation, and why it has none yet."""

    tp: TopicPartition
    since: float
    reason: str = ""


class Producer(ABC):
    """Publishes records in order. One may serve a single input partition or many: see the subclasses.

    Args:
        on_attempt: called whenever a broker was asked to take something, whatever came of it, or could not be asked.

    Attributes:
        hold_seconds: how long what is published may wait for its `commit`.
    """

    hold_seconds = 0.0

    def __init__(self, on_attempt: Callable[[], None]) -> None:
        self._on_attempt = on_attempt
        self._waits: list[_Wait] = []

    @abstractmethod
    async def open(self) -> None:
        """Begin anew: nothing that was published before and not committed will ever be seen.

        Raises:
            ProducerLost: it could not be opened now; trying again may help.
            PublishFailed: it cannot be opened.
        """

    @abstractmethod
    async def commit(self, offset: int) -> None:
        """Make what was published since the last commit final; the input is done up to *offset*, exclusive.

        Raises:
            ProducerLost: it may be final or not; only opening the producer anew settles that.
            ProducerFenced: another worker has opened the same input partition.
            PublishFailed: the broker refuses for a reason that trying again will not mend.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of what is not committed."""

    @abstractmethod
    async def _deliver(self, tp: TopicPartition, records: Sequence[Outgoing], timestamp_ms: int) -> int:
        """Send a batch of the first of *records* and return how many the broker has confirmed.

        Raises:
            BatchRefused: it took none of them.
        """

    async def publish(self, topic: str, partition: int, records: Sequence[Outgoing]) -> dict[int, Refusal]:
        """Publish *records* in order; returns the places of those that the broker refuses by themselves, and why.

        Of calls for one output partition, each waits for the one before.

        Raises:
            ProducerLost: what was published since the last commit is in doubt.
            ProducerFenced: another worker has opened the same input partition.
            PublishFailed: the broker refuses for a reason that trying again will not mend.
        """
        tp = TopicPartition(topic, partition)
        # One timestamp for all: filled again, a batch must take exactly the records that it took before.
        timestamp_ms = int(time.time() * 1000)
        refused: dict[int, Refusal] = {}
        ahead = [(0, len(records))]
        while ahead:
            start, stop = ahead.pop()
            if start == stop:
                continue
            try:
                ahead.append((start + await self._confirm(tp, records[start:stop], timestamp_ms), stop))
            except BatchRefused as error:
                end = start + error.records
                ahead.append((end, stop))
                if error.records == 1:
                    refused[start] = error.refusal
                else:
                    # In halves until the culprit is alone; nothing of the batch was taken, so the order stays.
                    middle = start + error.records // 2
                    ahead += [(middle, end), (start, middle)]
        return refused

    async def _confirm(self, tp: TopicPartition, records: Sequence[Outgoing], timestamp_ms: int) -> int:
        wait = _Wait(tp, time.monotonic())
        self._waits.append(wait)
        try:
            return await self._deliver(tp, records, timestamp_ms)
        finally:
            self._waits.remove(wait)

    def waits_because(self, tp: TopicPartition, error: Exception) -> None:
        """Remember why batches to *tp* are not confirmed yet."""
        self._on_attempt()
        for wait in self._waits:
            if wait.tp == tp:
                wait.reason = f": {error}"

    @property
    def waits(self) -> bool:
        """Whether something is not confirmed yet."""
        return bool(self._waits)

    @property
    def trouble(self) -> str | None:
        """What the broker does not confirm at the moment, and why; None when it confirms within seconds."""
        now = time.monotonic()
        for wait in self._waits:
            if (seconds := now - wait.since) > SLOW_SECONDS:
                where = f"{wait.tp.topic}[{wait.tp.partition}]"
                return f"{where}: the broker has not confirmed a batch for {seconds:.0f} s{wait.reason}"
        return None


def refusal(error: KafkaError) -> Refusal | None:
    """Why the broker refused this very batch, or None where the batch is not to blame."""
    return _REFUSALS.get(type(error))


def failed(where: str, error: KafkaError) -> PublishFailed:
    """What to raise when the broker will not take anything from us, whatever it holds and however often we try."""
    advice = hint(error)
    if isinstance(error, InvalidTransactionTimeout):
        advice = "raise transaction.max.timeout.ms of the brokers to 10000 or more"
    return PublishFailed(f"{where}: the broker refuses: {error!r}{'; ' + advice if advice else ''}")

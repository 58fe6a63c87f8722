"""Publishing at least once: an outage of the broker is waited for, and what was sent twice is written once."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence

from aiokafka import TopicPartition
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    KafkaError,
    OutOfOrderSequenceNumber,
    UnknownProducerId,
)

from app.backoff import endless_pauses
from app.kafka.batch import fill
from app.kafka.client import Client
from app.kafka.identity import Identity, NoIdentity, fresh_identity
from app.kafka.producer import BatchRefused, Producer, failed, refusal
from app.kafka.sender import Sender
from app.records import Outgoing

logger = logging.getLogger(__name__)

# Together with the longest that a broker's answer is waited for, less than 10 s.
LONGEST_BACKOFF_SECONDS = 1.0
# The broker does not know the producer any more, or missed something of it: only a new one can go on.
_FORGOTTEN = (OutOfOrderSequenceNumber, UnknownProducerId, InvalidProducerIdMapping, InvalidProducerEpoch)


class IdempotentProducer(Producer):
    """Serves all input partitions of a worker; a batch is sent until the broker confirms it.

    Args:
        client: the way to the brokers.
        on_attempt: see `Producer`.
    """

    def __init__(self, client: Client, on_attempt: Callable[[], None] = lambda: None) -> None:
        super().__init__(on_attempt)
        self._client = client
        self._sender = Sender(client, on_attempt=on_attempt)
        self._identity: Identity | None = None
        self._naming = asyncio.Lock()
        self._turns: dict[TopicPartition, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def open(self) -> None:
        """Nothing to do: what was published is final."""

    async def commit(self, offset: int) -> None:
        """Nothing to do: the consumer commits."""

    async def close(self) -> None:
        """Nothing to do: others may use it."""

    async def _deliver(self, tp: TopicPartition, records: Sequence[Outgoing], timestamp_ms: int) -> int:
        async with self._turns[tp]:
            try:
                return await self._until_confirmed(tp, records, timestamp_ms)
            except BatchRefused:
                raise
            except BaseException:
                # Whether the broker has it is not known, nor which sequence number it expects next.
                self._identity = None
                raise

    async def _until_confirmed(self, tp: TopicPartition, records: Sequence[Outgoing], timestamp_ms: int) -> int:
        pauses = endless_pauses(0.1, LONGEST_BACKOFF_SECONDS)
        identity = await self._named()
        batch = fill(records, identity, tp, timestamp_ms)
        while True:
            try:
                await self._sender.send(tp, batch.data)
                identity.wrote(tp, batch.records)
                return batch.records
            except _FORGOTTEN as error:
                if self._identity is identity:
                    self._identity = None
                self._blame(tp, error)
                identity = await self._named()
                batch = fill(records, identity, tp, timestamp_ms)
            except KafkaError as error:
                if why := refusal(error):
                    raise BatchRefused(why, batch.records) from error
                if not error.retriable:
                    raise failed(f"{tp.topic}[{tp.partition}]", error) from error
                self._blame(tp, error)
                if error.invalid_metadata:
                    await self._client.refresh()
            await asyncio.sleep(next(pauses))

    async def _named(self) -> Identity:
        async with self._naming:
            if self._identity is None:
                self._identity = await self._new_identity()
            return self._identity

    async def _new_identity(self) -> Identity:
        try:
            return await fresh_identity(self._client)
        except NoIdentity as error:
            logger.warning(
                "the broker has no idempotent producers; after an outage some rankings may be written twice",
                extra={"error": str(error)},
            )
            return Identity()

    def _blame(self, tp: TopicPartition, error: KafkaError) -> None:
        self.waits_because(tp, error)
        where = {"topic": tp.topic, "partition": tp.partition}
        logger.warning("the broker does not confirm; trying again", extra={**where, "error": repr(error)})

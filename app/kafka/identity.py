"""What a broker knows a producer by: its id, its epoch, and how many records it has written to each partition."""

import asyncio
from collections import defaultdict

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.transaction import InitProducerIdRequest

from app.backoff import endless_pauses
from app.kafka.client import Client

# Sequence numbers start again from 0 after the largest int32, as in Java's client.
_SEQUENCES = 2**31
_NO_TIMEOUT_MS = 2**31 - 1
# How often a broker may refuse before we believe that it cannot.
_ATTEMPTS = 3


class NoIdentity(KafkaError):  # type: ignore[misc]
    """The broker has no identities to give."""


class Identity:
    """A producer id with its epoch, and the next sequence number of each partition.

    Brokers drop a batch that bears a sequence number which they have seen, and refuse one that leaves a gap.

    Args:
        producer_id: as the broker gave it; -1 for a broker that gives none.
        epoch: of the id; -1 without one.
        transactional: whether batches belong to transactions.
    """

    def __init__(self, producer_id: int = -1, epoch: int = -1, *, transactional: bool = False) -> None:
        self.producer_id = producer_id
        self.epoch = epoch
        self.transactional = transactional
        self._next: dict[TopicPartition, int] = defaultdict(int)

    def sequence(self, tp: TopicPartition) -> int:
        """The sequence number of the next record to *tp*."""
        return self._next[tp] if self.producer_id >= 0 else -1

    def wrote(self, tp: TopicPartition, records: int) -> None:
        """Count records that the broker has confirmed."""
        self._next[tp] = (self._next[tp] + records) % _SEQUENCES


async def fresh_identity(client: Client) -> Identity:
    """Return an identity that nobody had before, for a producer without transactions; waits while no broker answers.

    Raises:
        NoIdentity: the broker refuses; the reason is the cause.
    """
    pauses = endless_pauses(0.1, 5.0)
    refusals = 0
    while True:
        try:
            answer = await client.request(client.any_node(), InitProducerIdRequest(None, _NO_TIMEOUT_MS))
            if not answer.error_code:
                return Identity(answer.producer_id, answer.producer_epoch)
            raise for_code(answer.error_code)
        except (KafkaError, NotImplementedError) as error:
            refusals += not getattr(error, "retriable", False)
            if refusals == _ATTEMPTS:
                raise NoIdentity(str(error)) from error
        await asyncio.sleep(next(pauses))

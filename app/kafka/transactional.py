"""Publishing exactly once: rankings, dead letters and the offset of one input partition in one Kafka transaction."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import CoordinationType
from aiokafka.errors import (
    ConcurrentTransactions,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    KafkaError,
    NoError,
    OperationNotAttempted,
    OutOfOrderSequenceNumber,
    UnknownProducerId,
    for_code,
)
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
    TxnOffsetCommitRequest,
)

from app.backoff import endless_pauses
from app.errors import ProducerFenced, ProducerLost
from app.kafka.batch import fill
from app.kafka.client import AnswerLost, Client, NotSent
from app.kafka.coordinator import Coordinator
from app.kafka.identity import Identity
from app.kafka.producer import BatchRefused, Producer, failed, refusal
from app.kafka.protocol import ProducerFencedError, TransactionAbortableError
from app.kafka.sender import Sender
from app.records import Outgoing

TRANSACTION_TIMEOUT_MS = 10_000
"""After this long the broker ends a transaction by itself, so that readers are not held up by a worker that died."""

# We give up before the broker does, and know then that it was we who did.
_OURS_SECONDS = 0.8 * TRANSACTION_TIMEOUT_MS / 1000
_ABORT_SECONDS = 1.0

_FENCED = (InvalidProducerEpoch, ProducerFencedError)
# The broker has forgotten the producer, or what it knows of the transaction is not what we know.
_LOST = (
    AnswerLost,
    InvalidProducerIdMapping,
    InvalidTxnState,
    OutOfOrderSequenceNumber,
    TransactionAbortableError,
    UnknownProducerId,
)


class TransactionalProducer(Producer):
    """Serves one input partition; what it publishes becomes visible with the offset that it commits, or never.

    Kafka lets one producer per transactional id live: opening it ends those before, and what they left unfinished.
    After a lost answer nothing is sent again: a request that is still on its way could hit the next transaction. The
    producer is in doubt then, and only opening it anew settles what became of its transaction.

    Args:
        client: the way to the brokers.
        group: the consumer group that the offsets belong to.
        source: the input partition.
        hold_seconds: how long a transaction may go on while more is ready to be published.
        on_attempt: see `Producer`.
    """

    def __init__(
        self,
        client: Client,
        *,
        group: str,
        source: TopicPartition,
        hold_seconds: float,
        on_attempt: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(on_attempt)
        self.hold_seconds = hold_seconds
        # A topic's name has no slash, so no two groups and topics make the same id.
        self.transactional_id = f"{group}/{source.topic}/{source.partition}"
        self._client = client
        self._group = group
        self._source = source
        # A connection of its own, for a broker answers the requests of one connection one after the other.
        self._way = self.transactional_id
        self._sender = Sender(client, way=self._way, transactional_id=self.transactional_id, on_attempt=on_attempt)
        self._transactions = Coordinator(client, CoordinationType.TRANSACTION, self.transactional_id)
        self._offsets = Coordinator(client, CoordinationType.GROUP, group)
        self._identity: Identity | None = None
        self._deadline: float | None = None
        self._partitions: set[TopicPartition] = set()
        self._joining = asyncio.Lock()

    async def open(self) -> None:
        """Fence whoever had this partition, end what they left unfinished, and get an epoch of our own."""
        self._identity = None
        self._end()
        # What the old connection still holds must not stand in the way of what comes.
        self._client.hang_up(self._way)
        with self._in_doubt():
            async with asyncio.timeout(_OURS_SECONDS):
                wanted = InitProducerIdRequest(self.transactional_id, TRANSACTION_TIMEOUT_MS)
                answer = await self._ask(self._transactions, wanted, _only_code)
        self._identity = Identity(answer.producer_id, answer.producer_epoch, transactional=True)

    async def commit(self, offset: int) -> None:
        """Commit the transaction together with *offset*."""
        async with self._transaction() as identity:
            ours = (self.transactional_id, identity.producer_id, identity.epoch)
            await self._ask(self._transactions, AddOffsetsToTxnRequest(*ours, self._group), _only_code)
            await self._ask(self._offsets, self._offset_commit(identity, offset), _partition_codes)
            await self._ask(self._transactions, EndTxnRequest(*ours, transaction_result=True), _only_code)
            self._end()

    async def close(self) -> None:
        """Abort what is open, so that readers need not wait for the broker to do so.

        What is in doubt is left to the broker, which ends it after `TRANSACTION_TIMEOUT_MS`, or to whoever opens next.
        """
        identity, self._identity = self._identity, None
        if identity is not None and self._deadline is not None:
            ours = (self.transactional_id, identity.producer_id, identity.epoch)
            with suppress(TimeoutError, KafkaError, ProducerFenced, ProducerLost):
                async with asyncio.timeout(_ABORT_SECONDS):
                    await self._ask(self._transactions, EndTxnRequest(*ours, transaction_result=False), _only_code)
        self._end()
        await self._sender.close()
        self._client.hang_up(self._way)

    async def _deliver(self, tp: TopicPartition, records: Sequence[Outgoing], timestamp_ms: int) -> int:
        async with self._transaction() as identity:
            await self._join(tp, identity)
            batch = fill(records, identity, tp, timestamp_ms)
            try:
                await self._until_taken(tp, batch.data)
            except KafkaError as error:
                if why := refusal(error):
                    # It took nothing, so the sequence numbers stay and the transaction is whole.
                    raise BatchRefused(why, batch.records) from error
                raise
            identity.wrote(tp, batch.records)
            return batch.records

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Identity]:
        """Do a step of the transaction, within its time; whatever goes wrong leaves the producer in doubt."""
        if self._identity is None:
            raise ProducerLost(f"{self.transactional_id}: in doubt, and not opened anew")
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + _OURS_SECONDS
        try:
            with self._in_doubt():
                async with asyncio.timeout_at(self._deadline):
                    yield self._identity
        except BatchRefused:
            raise
        except BaseException:
            self._identity = None
            raise

    @contextmanager
    def _in_doubt(self) -> Iterator[None]:
        """Say in our own words what an error means for the producer."""
        try:
            yield
        except TimeoutError as error:
            raise ProducerLost(f"{self.transactional_id}: not done within {_OURS_SECONDS:.0f} s") from error
        except _FENCED as error:
            raise ProducerFenced(
                f"{self.transactional_id}: it was opened again since, or the broker has ended its transaction"
            ) from error
        except _LOST as error:
            raise ProducerLost(f"{self.transactional_id}: {error}") from error
        except KafkaError as error:
            raise failed(self.transactional_id, error) from error

    def _end(self) -> None:
        self._deadline = None
        self._partitions.clear()

    async def _join(self, tp: TopicPartition, identity: Identity) -> None:
        """Make an output partition part of the transaction."""
        async with self._joining:
            if tp not in self._partitions:
                ours = (self.transactional_id, identity.producer_id, identity.epoch)
                wanted = AddPartitionsToTxnRequest(*ours, [(tp.topic, [tp.partition])])
                await self._ask(self._transactions, wanted, _partition_codes)
                self._partitions.add(tp)

    async def _until_taken(self, tp: TopicPartition, data: bytes) -> None:
        pauses = endless_pauses(0.02, 0.5)
        while True:
            try:
                return await self._sender.send(tp, data)
            except AnswerLost:
                raise
            except KafkaError as error:
                if not error.retriable:
                    raise
                self.waits_because(tp, error)
                if error.invalid_metadata:
                    await self._client.refresh()
            await asyncio.sleep(next(pauses))

    async def _ask(self, coordinator: Coordinator, request: Any, codes: Callable[[Any], Iterable[int]]) -> Any:
        """Return the coordinator's answer; asks again only when nothing was changed by asking."""
        pauses = endless_pauses(0.002, 0.2)
        while True:
            try:
                answer = await self._client.request(await coordinator.node(), request, way=self._way)
                if (error := _first_error(codes(answer))) is None:
                    return answer
                if not error.retriable and not isinstance(error, ConcurrentTransactions):
                    raise error
                # Concurrent: the markers of the transaction before are still being written.
                if error.retriable:
                    coordinator.forget()
            except NotSent:
                coordinator.forget()
            await asyncio.sleep(next(pauses))

    def _offset_commit(self, identity: Identity, offset: int) -> TxnOffsetCommitRequest:
        return TxnOffsetCommitRequest(
            self.transactional_id,
            self._group,
            identity.producer_id,
            identity.epoch,
            [(self._source.topic, [(self._source.partition, offset, "")])],
        )


def _only_code(answer: Any) -> Iterable[int]:
    return (answer.error_code,)


def _partition_codes(answer: Any) -> Iterable[int]:
    return (code for _topic, partitions in answer.errors for _partition, code in partitions)


def _first_error(codes: Iterable[int]) -> KafkaError | None:
    kinds = {for_code(code) for code in codes} - {NoError, OperationNotAttempted}
    return kinds.pop()() if kinds else None

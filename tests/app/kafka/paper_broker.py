"""A broker in memory with Kafka's rules for producers and transactions, whose requests get lost, late or refused.

It keeps logs, sequence numbers, epochs, transactions and committed offsets as Apache Kafka does where a producer can
notice it. What is real is what talks to it: the service's producers, down to the bytes of their batches.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import (
    ConcurrentTransactions,
    CoordinatorNotAvailableError,
    DuplicateSequenceNumber,
    InvalidProducerEpoch,
    InvalidTxnState,
    MessageSizeTooLargeError,
    NoError,
    NotLeaderForPartitionError,
    OutOfOrderSequenceNumber,
)
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
    TxnOffsetCommitRequest,
)
from aiokafka.record.memory_records import MemoryRecords

from app.kafka.client import AnswerLost, NotSent

REFUSED = b"too large"
"""A batch with a record of this value is refused."""


@dataclass(slots=True)
class _Written:
    """A batch in a log: committed, aborted, or neither yet (None)."""

    producer: tuple[int, int]
    values: list[bytes]
    committed: bool | None


@dataclass(slots=True)
class _Transaction:
    """What the coordinator knows of a transactional id."""

    producer_id: int
    epoch: int = 0
    open: bool = False
    partitions: set[TopicPartition] = field(default_factory=set)
    takes_offsets: bool = False
    offsets: dict[int, int] = field(default_factory=dict)
    # How often it still says that the markers of the last transaction are being written.
    busy: int = 0


class Script:
    """Decides what happens, byte by byte; once it is at its end, nothing out of the ordinary happens any more.

    So a shorter script, or one with larger bytes, is a simpler history, which is what shrinking looks for.
    """

    def __init__(self, text: bytes) -> None:
        self._text = iter(text)

    def happens(self, probability: float) -> bool:
        """Whether something of this *probability*, in 256 parts, happens."""
        return next(self._text, 255) < 256 * probability

    def number(self, below: int) -> int:
        """0 to *below*, exclusive."""
        return (255 - next(self._text, 255)) % below


class PaperBroker:
    """Answers requests; a *script* decides what happens to each on its way.

    Has the methods of `app.kafka.client.Client` that producers use.

    Attributes:
        calm: while it is set, everything arrives at once.
        offsets: what is committed, by input partition.
    """

    request_timeout_ms = 1000

    def __init__(self, script: Script) -> None:
        self.calm = False
        self.offsets: dict[int, int] = {}
        self._script = script
        self._logs: dict[TopicPartition, list[_Written]] = defaultdict(list)
        self._sequences: dict[tuple[TopicPartition, int], tuple[int, int, list[tuple[int, int]]]] = {}
        self._transactions: dict[str, _Transaction] = {}
        self._ids = 0
        self._late: set[asyncio.Task[None]] = set()

    # -- the client's side

    def any_node(self) -> int:
        return 1

    def hang_up(self, way: Hashable) -> None:
        """What is on its way stays there."""

    async def refresh(self) -> None:
        await asyncio.sleep(0)

    async def leader(self, tp: TopicPartition) -> int:
        return 1

    async def coordinator(self, kind: Any, key: str) -> int:
        await self._travel()
        if self._happens(0.1):
            raise CoordinatorNotAvailableError(key)
        return 1

    async def request(self, node: int, request: Any, *, way: Hashable = 0) -> Any:
        await self._travel()
        if self._happens(0.05):
            raise NotSent("no connection")
        if self._happens(0.05):
            raise AnswerLost("the request was lost")
        if self._happens(0.07):
            late = asyncio.get_running_loop().create_task(self._carry_out_late(request))
            self._late.add(late)
            late.add_done_callback(self._late.discard)
            raise AnswerLost("the request is late")
        answer = self._carry_out(request)
        await self._travel()
        if self._happens(0.07):
            raise AnswerLost("the answer was lost")
        return answer

    async def settle(self) -> None:
        """Let everything that is late arrive."""
        while self._late:
            await asyncio.gather(*self._late)

    async def _travel(self) -> None:
        for _ in range(0 if self.calm else self._script.number(4)):
            await asyncio.sleep(0)

    async def _carry_out_late(self, request: Any) -> None:
        for _ in range(self._script.number(60)):
            await asyncio.sleep(0)
        self._carry_out(request)

    def _happens(self, probability: float) -> bool:
        return not self.calm and self._script.happens(probability)

    # -- what can be seen from outside

    def visible(self, tp: TopicPartition) -> list[bytes]:
        """What a reader of committed records sees: nothing from the first undecided batch on."""
        values: list[bytes] = []
        for written in self._logs[tp]:
            if written.committed is None:
                break
            values += written.values if written.committed else []
        return values

    def undecided(self) -> int:
        """Batches whose transaction has not ended."""
        return sum(written.committed is None for log in self._logs.values() for written in log)

    # -- the broker's side

    def _carry_out(self, request: Any) -> Any:
        carry_out: Callable[[Any], Any] = {
            InitProducerIdRequest: self._name,
            AddPartitionsToTxnRequest: self._add_partitions,
            ProduceRequest: self._produce,
            AddOffsetsToTxnRequest: self._add_offsets,
            TxnOffsetCommitRequest: self._commit_offset,
            EndTxnRequest: self._end,
        }[type(request)]
        return carry_out(request)

    def _name(self, request: InitProducerIdRequest) -> Any:
        name = request._transactional_id
        if name is None:
            self._ids += 1
            return _answer(producer_id=self._ids, producer_epoch=0)
        known = self._transactions.get(name)
        if known is None:
            self._ids += 1
            known = self._transactions[name] = _Transaction(self._ids, epoch=-1)
        if known.busy:
            known.busy -= 1
            return _answer(ConcurrentTransactions)
        known.epoch += 1
        if known.open:
            self._finish(known, committed=False)
            known.busy = self._script.number(3)
            return _answer(ConcurrentTransactions)
        return _answer(producer_id=known.producer_id, producer_epoch=known.epoch)

    def _problem(self, request: Any, *, to_begin: bool = False) -> type[Exception] | None:
        known = self._transactions[request._transactional_id]
        if self._happens(0.05):
            return CoordinatorNotAvailableError
        if (request._producer_id, request._producer_epoch) != (known.producer_id, known.epoch):
            return InvalidProducerEpoch
        if known.busy:
            known.busy -= 1
            return ConcurrentTransactions
        if not known.open and not to_begin:
            return InvalidTxnState
        return None

    def _add_partitions(self, request: AddPartitionsToTxnRequest) -> Any:
        if problem := self._problem(request, to_begin=True):
            return _partition_answer(problem)
        known = self._transactions[request._transactional_id]
        known.open = True
        known.partitions |= {TopicPartition(topic, each) for topic, some in request._topics for each in some}
        return _partition_answer(NoError)

    def _add_offsets(self, request: AddOffsetsToTxnRequest) -> Any:
        if problem := self._problem(request, to_begin=True):
            return _answer(problem)
        known = self._transactions[request._transactional_id]
        known.open = known.takes_offsets = True
        return _answer()

    def _commit_offset(self, request: TxnOffsetCommitRequest) -> Any:
        # This coordinator knows the group and no generation of it; only the epoch counts.
        known = self._transactions[request._transactional_id]
        if self._happens(0.05):
            return _partition_answer(CoordinatorNotAvailableError)
        if (request._producer_id, request._producer_epoch) != (known.producer_id, known.epoch):
            return _partition_answer(InvalidProducerEpoch)
        if not known.takes_offsets:
            return _partition_answer(InvalidTxnState)
        ((_topic, ((partition, offset, _metadata),)),) = request._topics
        known.offsets[partition] = offset
        return _partition_answer(NoError)

    def _end(self, request: EndTxnRequest) -> Any:
        if problem := self._problem(request):
            return _answer(problem)
        known = self._transactions[request._transactional_id]
        self._finish(known, committed=request._transaction_result)
        known.busy = self._script.number(3)
        return _answer()

    def _finish(self, known: _Transaction, *, committed: bool) -> None:
        for tp in known.partitions:
            for written in self._logs[tp]:
                if written.committed is None and written.producer[0] == known.producer_id:
                    written.committed = committed
        if committed:
            self.offsets.update(known.offsets)
        known.open = known.takes_offsets = False
        known.partitions.clear()
        known.offsets.clear()

    def _produce(self, request: ProduceRequest) -> Any:
        return SimpleNamespace(
            topics=[
                (
                    topic,
                    [
                        (partition, self._write(request, TopicPartition(topic, partition), data).errno, 0, 0, 0)
                        for partition, data in batches
                    ],
                )
                for topic, batches in request._topics
            ]
        )

    def _write(self, request: ProduceRequest, tp: TopicPartition, data: bytes) -> type[Any]:
        batch = MemoryRecords(bytes(data)).next_batch()
        producer = (batch.producer_id, batch.producer_epoch)
        values = [record.value for record in batch]
        if self._happens(0.05):
            return NotLeaderForPartitionError
        if REFUSED in values:
            return MessageSizeTooLargeError
        if request._transactional_id is not None:
            known = self._transactions[request._transactional_id]
            if producer != (known.producer_id, known.epoch):
                return InvalidProducerEpoch
            if tp not in known.partitions:
                return InvalidTxnState
        if (
            producer[0] >= 0
            and (verdict := self._check_sequence(tp, producer, batch.base_sequence, len(values))) is not NoError
        ):
            return verdict
        self._logs[tp].append(_Written(producer, values, None if request._transactional_id else True))
        return NoError

    def _check_sequence(self, tp: TopicPartition, producer: tuple[int, int], first: int, count: int) -> type[Any]:
        epoch, expected, recent = self._sequences.get((tp, producer[0]), (producer[1], 0, []))
        if epoch != producer[1]:
            expected, recent = 0, []
        if (first, count) in recent[-5:]:
            return DuplicateSequenceNumber
        if first != expected:
            return OutOfOrderSequenceNumber
        self._sequences[tp, producer[0]] = (producer[1], expected + count, [*recent, (first, count)])
        return NoError


def _answer(error: type[Any] = NoError, **fields: int) -> Any:
    return SimpleNamespace(error_code=error.errno, **fields)


def _partition_answer(error: type[Any]) -> Any:
    return SimpleNamespace(errors=[("any", [(0, error.errno)])])

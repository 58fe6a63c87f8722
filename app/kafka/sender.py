"""Bring record batches to the leaders of their partitions."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import DuplicateSequenceNumber, KafkaError, NoError, for_code
from aiokafka.protocol.produce import ProduceRequest

from app.kafka.client import AnswerLost, Client, NotSent

_ALL_REPLICAS = -1


@dataclass(frozen=True, slots=True, eq=False)
class _Parcel:
    """A batch on its way."""

    tp: TopicPartition
    data: bytes
    taken: "asyncio.Future[None]"

    def settle(self, verdict: Exception | None) -> None:
        """Tell the sender, unless it has given up."""
        if self.taken.done():
            return
        if verdict is None:
            self.taken.set_result(None)
        else:
            self.taken.set_exception(verdict)


class Sender:
    """Sends batches, one request per broker at a time: what comes while a broker is busy goes to it together.

    Args:
        client: the way to the brokers.
        way: the connection to use; see `Client.request`.
        transactional_id: of the transactions that the batches belong to.
        on_attempt: called whenever a broker was asked, whatever came of it.
    """

    def __init__(
        self,
        client: Client,
        *,
        way: Hashable = 0,
        transactional_id: str | None = None,
        on_attempt: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._on_attempt = on_attempt
        self._way = way
        self._transactional_id = transactional_id
        self._waiting: dict[int, deque[_Parcel]] = defaultdict(deque)
        self._rounds: dict[int, asyncio.Task[None]] = {}

    async def send(self, tp: TopicPartition, data: bytes) -> None:
        """Return when the broker has taken the batch, or had taken it before.

        Raises:
            NotSent: it did not leave.
            AnswerLost: the broker may have taken it, or may still do so.
            KafkaError: what the broker said instead.
        """
        node = await self._client.leader(tp)
        loop = asyncio.get_running_loop()
        parcel = _Parcel(tp, data, loop.create_future())
        self._waiting[node].append(parcel)
        if node not in self._rounds:
            # It begins after all who are ready in this moment have put their batches there, too.
            self._rounds[node] = loop.create_task(self._serve(node))
        await parcel.taken

    async def close(self) -> None:
        """Send nothing more. What was sent and not answered may still be taken."""
        rounds = list(self._rounds.values())
        for each in rounds:
            each.cancel()
        await asyncio.gather(*rounds, return_exceptions=True)

    async def _serve(self, node: int) -> None:
        try:
            while parcels := self._next(node):
                await self._deliver(node, parcels)
        finally:
            del self._rounds[node]
            for parcel in self._waiting.pop(node, ()):
                parcel.settle(NotSent("the sender was closed"))

    def _next(self, node: int) -> dict[TopicPartition, _Parcel]:
        """What waits for a broker, one batch for each partition, less what its sender has given up."""
        parcels: dict[TopicPartition, _Parcel] = {}
        waiting = self._waiting[node]
        for _ in range(len(waiting)):
            parcel = waiting.popleft()
            if parcel.tp in parcels:
                waiting.append(parcel)
            elif not parcel.taken.done():
                parcels[parcel.tp] = parcel
        return parcels

    async def _deliver(self, node: int, parcels: Mapping[TopicPartition, _Parcel]) -> None:
        verdicts: Mapping[TopicPartition, Exception | None] = {}
        try:
            verdicts = _verdicts(await self._client.request(node, self._request(parcels), way=self._way))
        except Exception as error:  # also a mistake of ours must reach those who wait, or they would wait for ever
            verdicts = dict.fromkeys(parcels, error)
        finally:
            self._on_attempt()
            for tp, parcel in parcels.items():
                parcel.settle(verdicts.get(tp, AnswerLost("no answer for this batch")))

    def _request(self, parcels: Mapping[TopicPartition, _Parcel]) -> ProduceRequest:
        topics: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
        for tp, parcel in parcels.items():
            topics[tp.topic].append((tp.partition, parcel.data))
        return ProduceRequest(
            transactional_id=self._transactional_id,
            required_acks=_ALL_REPLICAS,
            timeout=self._client.request_timeout_ms,
            topics=list(topics.items()),
        )


def _verdicts(answer: Any) -> dict[TopicPartition, KafkaError | None]:
    return {
        TopicPartition(topic, partition): _verdict(code)
        for topic, partitions in answer.topics
        for partition, code, *_ in partitions
    }


def _verdict(code: int) -> KafkaError | None:
    kind = for_code(code)
    # A duplicate is what the broker had taken already, when only its answer was lost.
    return None if kind in {NoError, DuplicateSequenceNumber} else kind()

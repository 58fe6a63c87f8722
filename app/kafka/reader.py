"""Read what a topic holds, from one offset to another, without a consumer group.

aiokafka's consumer fetches by itself, without end and without saying that no broker answers; this one fetches when it
is asked to, and gives up.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import KafkaError, NoError, OffsetOutOfRangeError, RequestTimedOutError, for_code
from aiokafka.protocol.fetch import FetchRequest

from app.backoff import endless_pauses
from app.kafka.client import Client, may_pass
from app.kafka.fetched import FetchedBytes, take
from app.kafka.in_flight import Room
from app.kafka.offsets import FIRST, offsets_at
from app.records import Incoming

PATIENCE_SECONDS = 30.0
"""How long brokers may fail to answer before we give up."""

FETCH_BYTES = 1_048_576
_FETCH_WAIT_MS = 100
_WAY = "reading"
_EVERYTHING = Room(2**62, 2**62, empty=True)

T = TypeVar("T")


class Span(NamedTuple):
    """Offsets of one partition, from `start` up to and without `end`; not each of them need be a record."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """How many offsets it has."""
        return max(0, self.end - self.start)


@dataclass(frozen=True, slots=True)
class _Fetched:
    """What a broker says of one partition; `settled` does not count what belongs to transactions under way."""

    version: int
    end: int
    settled: int
    rest: list[Any]

    def records(self, tp: TopicPartition, offset: int, isolation: int) -> PartitionRecords:
        aborted = self.rest[1] if self.version >= 11 else self.rest[-2]
        return PartitionRecords(tp, FetchedBytes(self.rest[-1]), aborted, offset, None, None, True, isolation)


class TopicReader:
    """Reads the records of one topic.

    Args:
        client: the way to the brokers, which watches the topic.
        topic: what to read.
        committed: whether what open and aborted transactions wrote is left out.
        fetch_bytes: most to ask a broker for at once.
        patience_seconds: how long brokers may fail to answer, and a transaction that is in the way may stay open.
    """

    def __init__(
        self,
        client: Client,
        topic: str,
        *,
        committed: bool = True,
        fetch_bytes: int = FETCH_BYTES,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.topic = topic
        self._client = client
        self._isolation = READ_COMMITTED if committed else READ_UNCOMMITTED
        self._fetch_bytes = fetch_bytes
        self._patience_seconds = patience_seconds

    async def spans(self, *, settled: bool = True) -> dict[int, Span]:
        """What each partition holds now; unless *settled*, with what belongs to transactions under way.

        Raises:
            KafkaError: the brokers do not say.
        """
        return await patiently(lambda: self._spans(settled=settled), self._client, self._patience_seconds)

    async def span(self, partition: int) -> Span:
        """What one partition holds now, less what belongs to transactions under way.

        Raises:
            KafkaError: the brokers do not say.
        """
        tp = TopicPartition(self.topic, partition)

        async def ask() -> Span:
            return (await self._spans_of(await self._client.leader(tp), [tp], settled=True))[partition]

        return await patiently(ask, self._client, self._patience_seconds)

    async def offsets_at(self, timestamp_ms: int) -> dict[int, int]:
        """The first offset of each partition whose record is of a time, in milliseconds since the epoch, or later.

        Partitions without such a record are left out.

        Raises:
            KafkaError: the brokers do not say.
        """

        async def ask() -> dict[int, int]:
            found: dict[int, int] = {}
            for node, mine in (await self._by_leader()).items():
                offsets = await self._offsets(node, mine, timestamp_ms)
                found |= {tp.partition: offset for tp, offset in offsets.items() if offset >= 0}
            return found

        return await patiently(ask, self._client, self._patience_seconds)

    async def chunks(self, partition: int, span: Span) -> AsyncGenerator[list[Incoming], None]:
        """Yield the records of *span* in order, as they are fetched.

        What the broker deletes meanwhile is passed over.

        Raises:
            KafkaError: the brokers do not give them.
        """
        tp = TopicPartition(self.topic, partition)
        position = span.start

        async def fetch() -> PartitionRecords:
            return await self._fetch_records(tp, position)

        while position < span.end:
            try:
                source = await patiently(fetch, self._client, self._patience_seconds)
            except OffsetOutOfRangeError:
                position = await self._first_after(tp, position)
                continue
            records = take(source, _EVERYTHING).records
            position = source.next_fetch_offset
            if ours := [record for record in records if record.offset < span.end]:
                yield ours

    async def _spans(self, *, settled: bool) -> dict[int, Span]:
        spans: dict[int, Span] = {}
        for node, mine in (await self._by_leader()).items():
            spans |= await self._spans_of(node, mine, settled=settled)
        return dict(sorted(spans.items()))

    async def _spans_of(self, node: int, tps: Iterable[TopicPartition], *, settled: bool) -> dict[int, Span]:
        starts = await self._offsets(node, tps, FIRST)
        # Asked for the end itself, the embedded broker counts its last batch as one record.
        fetched = await self._fetch(node, starts, max_bytes=1)
        return {
            tp.partition: Span(start, fetched[tp].settled if settled else fetched[tp].end)
            for tp, start in starts.items()
        }

    async def _by_leader(self) -> dict[int, list[TopicPartition]]:
        by_leader: dict[int, list[TopicPartition]] = defaultdict(list)
        for partition in range(self._client.partition_count(self.topic)):
            tp = TopicPartition(self.topic, partition)
            by_leader[await self._client.leader(tp)].append(tp)
        return by_leader

    async def _offsets(self, node: int, tps: Iterable[TopicPartition], at: int) -> dict[TopicPartition, int]:
        offsets, errors = await offsets_at(self._client, node, tps, at, isolation=self._isolation, way=_WAY)
        for error in errors.values():
            raise error
        return offsets

    async def _first_after(self, tp: TopicPartition, position: int) -> int:
        async def ask() -> int:
            return (await self._offsets(await self._client.leader(tp), [tp], FIRST))[tp]

        first = await patiently(ask, self._client, self._patience_seconds)
        if first <= position:
            raise OffsetOutOfRangeError(f"{tp.topic}[{tp.partition}]@{position}: the topic was made anew meanwhile")
        return first

    async def _fetch_records(self, tp: TopicPartition, position: int) -> PartitionRecords:
        node = await self._client.leader(tp)
        fetched = (await self._fetch(node, {tp: position}, max_bytes=self._fetch_bytes))[tp]
        if not fetched.rest[-1]:
            why = "a transaction is open there" if fetched.end > fetched.settled else "the broker gives no records"
            raise RequestTimedOutError(f"{tp.topic}[{tp.partition}]@{position}: {why}")
        return fetched.records(tp, position, self._isolation)

    async def _fetch(
        self, node: int, positions: Mapping[TopicPartition, int], *, max_bytes: int
    ) -> dict[TopicPartition, _Fetched]:
        wanted = [(self.topic, [(tp.partition, position, max_bytes) for tp, position in positions.items()])]
        request = FetchRequest(_FETCH_WAIT_MS, 1, max_bytes, self._isolation, wanted)
        answer = await self._client.request(node, request, way=_WAY)
        fetched: dict[TopicPartition, _Fetched] = {}
        for topic, partitions in answer.topics:
            for partition, code, end, settled, *rest in partitions:
                _check(code, f"{topic}[{partition}]")
                fetched[TopicPartition(topic, partition)] = _Fetched(answer.API_VERSION, end, settled, rest)
        if missing := positions.keys() - fetched.keys():
            raise RequestTimedOutError(f"{min(missing)}: the broker says nothing of this partition")
        return fetched


async def patiently(ask: Callable[[], Awaitable[T]], client: Client, seconds: float = PATIENCE_SECONDS) -> T:
    """Return the answer to a question that changes nothing when it is asked twice; ask again when that may help.

    Raises:
        KafkaError: asking again will not help, or did not for so many *seconds*.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    pauses = endless_pauses(0.1, 2.0)
    while True:
        try:
            return await ask()
        except KafkaError as error:
            if not may_pass(error) or loop.time() > deadline:
                raise
        await asyncio.sleep(next(pauses))
        # Another broker may lead by now.
        await client.refresh()


def _check(code: int, where: str) -> None:
    if (kind := for_code(code)) is not NoError:
        error: KafkaError = kind(where)
        raise error

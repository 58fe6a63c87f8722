"""Faust's consumer thread, without the thread and taught to hand over whole chunks within bounds."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from aiokafka import TopicPartition, conn
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import (
    ConsumerStoppedError,
    KafkaConnectionError,
)
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP
from mode.utils.futures import maybe_async

from app.backoff import endless_pauses
from app.kafka.chunk import Chunk
from app.kafka.client import require_brokers
from app.kafka.fetched import take
from app.kafka.fetches import Fetches
from app.kafka.in_flight import Room
from app.kafka.membership import Membership
from app.kafka.position import group_position

# Longest a fetch waits at the broker. While it does, a partition that was drained meanwhile is not asked for, so this
# is also the longest that one idle partition can hold up another; Faust's own 1.5 s would be felt.
FETCH_MAX_WAIT_MS = 50

# A fetch brings megabytes. aiokafka's 64 KiB would stop and start the reading of a connection for every few of them.
conn.READER_LIMIT = 1 << 20

# mode would log every service's comings and goings under the name of the module that it is defined in, as ours.
FAUST_LOGGER = logging.getLogger("faust.chunks")

logger = logging.getLogger(__name__)


class _SameLoop:
    """In the place of mode's thread: runs a *service* on the event loop that everything else runs on."""

    def __init__(self, service: "ChunkSource") -> None:
        self._service = service
        self._serving: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._serving = asyncio.get_running_loop().create_task(self._service._serve())

    async def ended(self) -> None:
        """Wait for the end."""
        if self._serving is None:
            return
        if not self._service.started:
            self._serving.cancel()  # before its first step: it would not hear that it is to stop
        await asyncio.wait([self._serving])
        if not self._serving.cancelled():
            self._serving.exception()  # which the service has told everybody


class ChunkSource(AIOKafkaConsumerThread):
    """Runs aiokafka's consumer on the one event loop, whatever Faust calls it.

    Faust gives it a thread with a loop of its own. Two threads that are awake most of the time wait for each other's
    turn at the interpreter: a third of a record's way took that, and a tenth of the throughput.
    """

    logger = FAUST_LOGGER
    consumer: Any

    def __init__(self, consumer: Any, *, loop: asyncio.AbstractEventLoop, **kwargs: Any) -> None:
        super().__init__(consumer, loop=loop, thread_loop=loop, Worker=cast(Any, _SameLoop), **kwargs)
        # The partitions that may be taken from, and what their chunks bear.
        self._epochs: dict[TopicPartition, int] = {}
        # Where a record waits that is larger than the room there was.
        self._too_large: TopicPartition | None = None
        self.membership: Membership | None = None
        self._fetches: Fetches | None = None

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._client.bootstrap = _insisting(consumer._client)
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS
        consumer._isolation_level = "read_committed"
        return consumer

    async def on_start(self) -> None:
        """Start the consumer, and listen to what it says to its group."""
        if not await self._connect():
            return
        self.membership = Membership(
            self._ensure_consumer(),
            on_failure=self.consumer.app.listener.failed,
        )
        self._fetches = Fetches(self._ensure_consumer()._fetcher)

    async def _connect(self) -> bool:
        """Start the consumer as soon as a broker answers; False when that is not wanted any more."""
        pauses = endless_pauses(0.2, 2.0)
        while not self.should_stop:
            try:
                await super().on_start()
            except KafkaConnectionError as error:
                # The broker that answered a moment ago is gone again.
                await self._ensure_consumer().stop()
                logger.warning("no broker answers the consumer; trying again", extra={"error": str(error)})
            else:
                return True
            await self.sleep(next(pauses))
        return False

    async def stop(self) -> None:
        """Stop, and return when everything of it has ended."""
        running, self._thread = cast("_SameLoop | None", self._thread), None
        await super().stop()
        if running is not None:
            await running.ended()

    async def call_thread(self, fun: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        """Do it here: there is no other thread. Whoever is cancelled leaves nothing behind that would do it later."""
        return await maybe_async(fun(*args, **kwargs))

    async def on_thread_started(self) -> None:
        """Leave mode's queue of calls from other threads out."""

    async def _keepalive2(self) -> None:
        """Leave out what notices that the thread does not respond."""

    async def _gather_remaining_tasks(self) -> None:
        """Leave alone what runs on the loop, which is everybody's."""

    async def on_thread_stop(self) -> None:
        """Close the consumer, also while no broker answers."""
        if self._fetches is not None:
            await self._fetches.stop()
        await super().on_thread_stop()

    async def committed_position(self, tp: TP) -> int:
        """Where the group goes on in a partition, or begins.

        Raises:
            KafkaError: that is not to be known at the moment, or never, see `may_pass`.
        """
        starts_at_end = self.consumer.app.starts_at_end
        return await group_position(self._ensure_consumer(), TopicPartition(*tp), starts_at_end=starts_at_end)

    def begin(self, tp: TP, position: int, epoch: int) -> None:
        """Fetch from *position* on; chunks bear *epoch*."""
        consumer, ours = self._ensure_consumer(), TopicPartition(*tp)
        if ours in consumer.assignment():
            consumer._fetcher.seek_to(ours, position)
            self._epochs[ours] = epoch

    def end(self, tp: TP) -> None:
        """Take nothing more of a partition until it begins again."""
        self._epochs.pop(TopicPartition(*tp), None)

    def rejoin(self) -> None:
        """Let the group share out its partitions again."""
        self._ensure_consumer()._coordinator.request_rejoin()

    async def take_chunks(self, room: Room, *, most: int, few: int, timeout_seconds: float) -> dict[TP, Chunk] | None:
        """Take what was fetched: at most one chunk of *most* records per partition, within *room*.

        Waits up to *timeout_seconds*, and fetches ahead unless there were but a *few* records. Chunks may be empty:
        then only the position moved, past transaction markers. None: there are records, and the next one is too large
        for the room.
        """
        consumer = self._ensure_consumer()
        fetcher, subscriptions = consumer._fetcher, consumer._subscription
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout_seconds
        fetches = self._fetches
        assert fetches is not None  # noqa: S101 - made when the consumer was started
        with subscriptions.fetch_context():
            while True:
                if consumer._closed or fetcher._closed:
                    raise ConsumerStoppedError()
                # While the flow is stopped nobody would process what is taken here; and until a rebalance is through,
                # it may belong to somebody else.
                if not self.consumer.flow_active:
                    return {}
                if subscriptions.reassignment_in_progress:
                    await subscriptions.wait_for_assignment()
                    continue
                await fetches.renew(subscriptions.subscription.assignment)
                chunks = self._ready_chunks(fetcher, room, most)
                if chunks != {}:
                    # Ahead where there is more, and for the others where something of one partition is left.
                    if fetcher._records or (chunks and sum(map(len, chunks.values())) >= few):
                        fetches.ask()
                    return chunks
                left = deadline - clock()
                if left <= 0:
                    return {}
                await fetches.answered(left)

    def _ready_chunks(self, fetcher: Any, room: Room, most: int) -> dict[TP, Chunk] | None:
        chunks: dict[TP, Chunk] = {}
        for tp in self._candidates(fetcher):
            result = fetcher._records[tp]
            if type(result) is not FetchResult:
                if not chunks:
                    del fetcher._records[tp]
                    result.check_raise()
                continue
            chunk = self._take(tp, result, room._replace(records=min(room.records, most)))
            if result.has_more():
                # The others first, the next time.
                fetcher._records.move_to_end(tp)
            else:
                del fetcher._records[tp]
            if chunk is not None:
                chunks[TP(tp.topic, tp.partition)] = chunk
                room = Room(room.records - len(chunk), room.nbytes - chunk.nbytes, empty=False)
            if self._too_large is not None or room.records <= 0 or room.nbytes <= 0:
                break
        return None if self._too_large is not None and not chunks else chunks

    def _candidates(self, fetcher: Any) -> list[TopicPartition]:
        """The partitions to take from, in order; while a record waits for room, only its own."""
        # What is there without an epoch was fetched from where aiokafka by itself would have begun.
        ours = [tp for tp, got in fetcher._records.items() if tp in self._epochs or type(got) is not FetchResult]
        if self._too_large in ours:
            ours = [self._too_large]
        self._too_large = None
        return ours

    def _take(self, tp: TopicPartition, result: Any, room: Room) -> Chunk | None:
        if not result.has_more() or not result.check_assignment(tp):
            return None
        state = result._assignment.state_value(tp)
        start = state.position
        taken = take(result._partition_records, room)
        result._update_position()
        if taken.exhausted:
            result._partition_records = None
        if taken.too_large:
            self._too_large = tp
        end = state.position
        if start == end:
            return None
        return Chunk(
            taken.records,
            tp=tp,
            start=start,
            end=end,
            nbytes=taken.nbytes,
            epoch=self._epochs[tp],
            waiting=max(0, (state.highwater if state.lso is None else state.lso) - end),
        )


def _insisting(client: Any) -> Callable[[], Coroutine[Any, Any, None]]:
    """aiokafka's way to connect, which also fails where no brokers are known yet."""
    connect = client.bootstrap

    async def bootstrap() -> None:
        await connect()
        require_brokers(client)

    return bootstrap

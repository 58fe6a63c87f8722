"""Faust's consumer thread, taught to hand over whole chunks within bounds."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import (
    ConsumerStoppedError,
    KafkaConnectionError,
)
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from app.backoff import endless_pauses
from app.kafka.chunk import Chunk
from app.kafka.client import require_brokers
from app.kafka.fetched import take
from app.kafka.in_flight import Room
from app.kafka.membership import Membership
from app.kafka.position import group_position

# Longest a fetch waits at the broker. While it does, a partition that was drained meanwhile is not asked for, so this
# is also the longest that one idle partition can hold up another; Faust's own 1.5 s would be felt.
FETCH_MAX_WAIT_MS = 50

# mode would log every service's comings and goings under the name of the module that it is defined in, as ours.
FAUST_LOGGER = logging.getLogger("faust.chunks")

T = TypeVar("T")

logger = logging.getLogger(__name__)


class ChunkThread(AIOKafkaConsumerThread):
    """Runs aiokafka's consumer on an event loop of its own, so that decoding never costs the group membership."""

    logger = FAUST_LOGGER
    consumer: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The partitions that may be taken from, and what their chunks bear. Touched on this thread alone.
        self._epochs: dict[TopicPartition, int] = {}
        # Where a record waits that is larger than the room there was.
        self._too_large: TopicPartition | None = None
        self.membership: Membership | None = None

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
            on_failure=lambda error: self.consumer.loop.call_soon_threadsafe(self.consumer.app.listener.failed, error),
        )

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
        """End the thread; mode would hold up everybody's event loop until it has ended."""
        thread, self._thread = self._thread, None
        await super().stop()
        if thread is not None:
            await asyncio.to_thread(thread.stop)

    def _crash(self, reason: BaseException) -> None:
        # Whoever crashes tells all services, and mode would meddle with this event loop from another thread.
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self.thread_loop.call_soon_threadsafe(super()._crash, reason)

    async def on_thread_stop(self) -> None:
        """Close the consumer, also while no broker answers."""
        try:
            await super().on_thread_stop()
        except asyncio.CancelledError:
            # aiokafka's fetcher cancels the fetches under way and waits for them; one that failed just before, and
            # now sleeps until its next attempt, takes the whole closing along.
            await self._ensure_consumer()._client.close()

    # -- called from the other thread

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit offsets; whoever is cancelled leaves nothing behind that would commit them later."""
        committed: bool = await self._here(self._commit(offsets))
        return committed

    async def _here(self, work: Coroutine[Any, Any, T]) -> T:
        """Do *work* on this thread; mode's queue of calls makes three tasks for each."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.thread_loop))

    async def committed_position(self, tp: TP) -> int:
        """Where the group goes on in a partition, or begins.

        Raises:
            KafkaError: that is not to be known at the moment, or never, see `may_pass`.
        """
        return await self._here(self._committed_position(TopicPartition(*tp)))

    def begin(self, tp: TP, position: int, epoch: int) -> None:
        """Fetch from *position* on; chunks bear *epoch*."""
        self._soon(self._begin, TopicPartition(*tp), position, epoch)

    def end(self, tp: TP) -> None:
        """Take nothing more of a partition until it begins again."""
        self._soon(self._epochs.pop, TopicPartition(*tp), None)

    def pause(self) -> None:
        """Fetch nothing ahead until chunks are taken again."""
        self._soon(lambda: _pause(self._ensure_consumer()._subscription))

    def rejoin(self) -> None:
        """Let the group share out its partitions again."""
        self._soon(self._ensure_consumer()._coordinator.request_rejoin)

    def _soon(self, call: Callable[..., Any], *args: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: the thread has ended
            self.thread_loop.call_soon_threadsafe(call, *args)

    async def take_chunks(self, room: Room, chunk_records: int, timeout_seconds: float) -> dict[TP, Chunk] | None:
        """Take what was fetched: at most one chunk per partition, within *room*; waits up to *timeout_seconds*.

        Chunks may be empty: then only the position moved, past transaction markers. None: there are records, and the
        next one is too large for the room.
        """
        return await self._here(self._take_chunks(room, chunk_records, timeout_seconds))

    # -- on this thread

    async def _committed_position(self, tp: TopicPartition) -> int:
        return await group_position(self._ensure_consumer(), tp, starts_at_end=self.consumer.app.starts_at_end)

    def _begin(self, tp: TopicPartition, position: int, epoch: int) -> None:
        consumer = self._ensure_consumer()
        if tp in consumer.assignment():
            consumer._fetcher.seek_to(tp, position)
            self._epochs[tp] = epoch

    async def _take_chunks(self, room: Room, chunk_records: int, timeout_seconds: float) -> dict[TP, Chunk] | None:
        consumer = self._ensure_consumer()
        fetcher, subscriptions = consumer._fetcher, consumer._subscription
        deadline = self.thread_loop.time() + timeout_seconds
        _resume(subscriptions)
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
                    _resume(subscriptions)
                    continue
                chunks = self._ready_chunks(fetcher, room, chunk_records)
                if chunks != {}:
                    if chunks is None or sum(len(chunk) for chunk in chunks.values()) < chunk_records // 2:
                        _pause(subscriptions)
                    return chunks
                if not await _woken(fetcher, deadline - self.thread_loop.time()):
                    return {}

    def _ready_chunks(self, fetcher: Any, room: Room, chunk_records: int) -> dict[TP, Chunk] | None:
        chunks: dict[TP, Chunk] = {}
        for tp in self._candidates(fetcher):
            result = fetcher._records[tp]
            if type(result) is not FetchResult:
                if not chunks:
                    _forget(fetcher, tp)
                    result.check_raise()
                continue
            chunk = self._take(tp, result, room._replace(records=min(room.records, chunk_records)))
            if result.has_more():
                # The others first, the next time.
                fetcher._records.move_to_end(tp)
            else:
                _forget(fetcher, tp)
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


def _pause(subscriptions: Any) -> None:
    """Fetch nothing ahead: a fetch that is sent now would come back with the very next record, and with no other."""
    for tp in subscriptions.assigned_partitions():
        subscriptions.pause(tp)


def _resume(subscriptions: Any) -> None:
    for tp in subscriptions.paused_partitions():
        subscriptions.resume(tp)


def _forget(fetcher: Any, tp: TopicPartition) -> None:
    del fetcher._records[tp]
    fetcher._notify(fetcher._wait_consume_future)


async def _woken(fetcher: Any, timeout_seconds: float) -> bool:
    """Wait for the fetcher to have something new; False when *timeout_seconds* pass first."""
    if timeout_seconds <= 0:
        return False
    waiter = fetcher._create_fetch_waiter()
    await asyncio.wait([waiter], timeout=timeout_seconds)
    if not waiter.done():
        waiter.cancel()
        return False
    waiter.result()  # raises what concerns the whole group, such as a refused authorization
    return True

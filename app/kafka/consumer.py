"""Faust's consumer, taught to fetch chunks within bounds and to commit only what is done."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode import Service, ServiceT

from app.kafka.books import Books
from app.kafka.chunk import Chunk
from app.kafka.fetching import FAUST_LOGGER, ChunkSource
from app.kafka.gap import account_for_gap
from app.kafka.letting_go import LettingGo
from app.kafka.opening import Opening
from app.kafka.openings import Openings
from app.kafka.pace import Pace
from app.standstill import awake

if TYPE_CHECKING:
    from app.kafka.transport import ChunkApp

logger = logging.getLogger(__name__)


class _NoBook(set[Any]):
    """Faust's book of unfinished messages, kept empty: what is unfinished are chunks, and the watermarks know them."""

    def add(self, _message: Any) -> None:
        """Forget it at once."""


class Consumer(driver.Consumer):
    """Faust's consumer with chunks, bounded fetching and a contiguous watermark."""

    logger = FAUST_LOGGER
    app: "ChunkApp"
    _thread: ChunkSource

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.joined = False
        self.assigned: set[TP] = set()
        self._pace = Pace(few=self.app.few_records, most_records=self.app.most_records)
        self.books = Books(self.app.in_flight, self._pace, self.app.progress)
        self._openings = Openings(Opening(self), self.app.listener.failed)
        self._letting_go = LettingGo(self)
        self._committing: asyncio.Future[Any] | None = None

    def _reset_state(self) -> None:
        super()._reset_state()
        self._unacked_messages = _NoBook()

    def _new_consumer_thread(self) -> ChunkSource:
        return ChunkSource(self, loop=self.loop, beacon=self.beacon)

    # -- fetching

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Bring chunks to the agent until the consumer stops.

        Faust's own loop races every delivery against the end of the flow, which makes four tasks per event. Here a
        delivery that a rebalance overtakes waits in Faust's flow control, and what it brings then bears an old
        generation, which the stream skips.
        """
        try:
            while not (self.should_stop or fetcher.should_stop):
                async for _, message in self.getmany(timeout=1.0):
                    await self.callback(message)
                # A look at the flow that finds it stopped may not have let anybody else run.
                await asyncio.sleep(0)
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:  # noqa: ASYNC109 - Faust's signature
        records, active_partitions = await super()._wait_next_records(timeout)
        # Given records while the flow is stopped, Faust would seek, and cross the seek that ends the rebalance.
        return (records if self.flow_active else None), active_partitions

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109 - Faust's signature
    ) -> dict[TP, Chunk]:
        in_flight = self.app.in_flight
        if (room := in_flight.room()) is None:
            await self._make_room(lambda: in_flight.room() is not None, timeout)
            return {}
        releases = in_flight.releases
        if self._pace.is_full:
            self.app.listener.nothing_comes()
        if not await self._pace.wait(timeout):
            return {}
        chunks = await self._thread.take_chunks(
            room, most=self.app.most_records, few=self.app.few_records, timeout_seconds=timeout
        )
        if chunks is None:
            await self._make_room(lambda: in_flight.releases > releases, timeout)
            return {}
        for tp, chunk in chunks.items():
            if self.is_current(chunk) and not self.books.watermarks[tp].joins(chunk):
                await account_for_gap(self, chunk)
        return {tp: chunk for tp, chunk in chunks.items() if self._register(chunk)}

    async def _make_room(self, made: Callable[[], bool], timeout_seconds: float) -> None:
        """Return when room is *made*, which takes a commit: as soon as something is done, not an interval later."""
        self.app.listener.nothing_comes()
        await self._pace.until(lambda: made() or self.books.has_committable, timeout_seconds)
        if not made():
            await self.commit()

    def is_current(self, chunk: Chunk) -> bool:
        """Whether *chunk* was fetched since its partition was opened last; others are read again, perhaps elsewhere."""
        return self.books.is_current(chunk)

    def _register(self, chunk: Chunk) -> bool:
        """Take a chunk into the books; returns whether there is something to be done about it."""
        if not self.books.take(chunk):
            return False
        # Where nothing but the position moved, the consumer commits that; unless transactions do, which must not be
        # crossed by a commit that knows nothing of them.
        chunk.acknowledged = not chunk and not self.app.commits_with_outputs
        if chunk.acknowledged:
            self.app.listener.nothing_comes()
        return not chunk.acknowledged

    def go_on_at(self, tp: TP, offset: int) -> None:
        """What lies before *offset* and was not fetched is gone; it counts as done."""
        # Where a topic was made anew, Faust would otherwise commit nothing below the old offset.
        self._committed_offset[tp] = offset
        self.books.watermarks[tp].skip_to(offset)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        chunks: list[Chunk] = record
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            chunks[0].end - 1,
            0.0,  # chunks have no timestamp, and nobody asks for one
            0,
            None,
            None,
            cast(Any, chunks),
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Chunks know their span; Faust's own book of gaps acknowledges one record too many."""

    def on_buffer_full(self, tp: TP) -> None:
        """Fetching is bounded by `InFlight`; Faust would stall for a second once every partition is held back."""

    # -- acknowledging and committing

    def acknowledge(self, chunk: Chunk) -> None:
        """Mark a chunk as done: every record of it is confirmed in the output or the dead-letter topic."""
        if self.books.acknowledge(chunk) and self.app.commits_with_outputs:
            self._settle(TP(*chunk.tp), chunk.end)

    def _settle(self, tp: TP, offset: int) -> None:
        """Note that everything below *offset* is committed."""
        self._committed_offset[tp] = offset
        self.books.settle(tp, offset)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return iter(list(self.books.watermarks))

    def _new_offset(self, tp: TP) -> int | None:
        return self.books.watermarks[tp].committable()

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        watermarks = dict(self.books.watermarks)
        assigned = {tp: offset for tp, offset in offsets.items() if tp in self.assignment()}
        if not assigned or not await self._commit(assigned):
            return False
        for tp, offset in assigned.items():
            # A partition that went away meanwhile has taken its watermark along.
            if self.books.watermarks.get(tp) is watermarks[tp]:
                self._settle(tp, offset)
        return True

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        # A crash ends aiokafka's consumer, which may leave who commits with it waiting without end.
        commit = self._committing = asyncio.ensure_future(super()._commit(offsets))
        crashed = asyncio.ensure_future(self._crashed.wait())
        try:
            await asyncio.wait([commit, crashed], return_when=asyncio.FIRST_COMPLETED)
        finally:
            crashed.cancel()
            if not commit.done():
                commit.cancel()
        return commit.done() and not commit.cancelled() and commit.result()

    def give_up_committing(self) -> None:
        """End a commit that is under way, if any."""
        if self._committing is not None:
            self._committing.cancel()

    async def maybe_wait_for_commit_to_finish(self) -> bool:
        """Wait for a commit under way, if any; Faust, when cancelled here, would cancel that one and go on."""
        if (commit := self._commit_fut) is None:
            return False
        await asyncio.wait([commit])
        return True

    # -- coming and going of partitions

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Begin anew."""
        self._letting_go.is_past()
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Open the partitions that were assigned, side by side, and without holding up the group's rebalance."""
        if self._letting_go.has_begun:
            return  # Faust is late: they are revoked again
        self.assigned = {TP(tp.topic, tp.partition) for tp in self.assignment()}
        logger.info("partitions assigned", extra={"partitions": sorted(tp.partition for tp in self.assigned)})
        for tp in self.assigned:
            self.reopen(tp)

    def reopen(self, tp: TP) -> None:
        """Drop all that is in flight for a partition, and go on from the offset that is committed then."""
        if tp in self.assigned:
            self._openings.begin(tp)

    @property
    def opening(self) -> list[TP]:
        """The partitions that are ours and not open yet."""
        return self._openings.under_way

    @property
    def heard_at(self) -> float:
        """When the last heartbeat left that the group has answered, by `awake`; joining the group counts as one."""
        membership = self._thread.membership
        return awake() if membership is None else membership.heard_at

    def rejoin(self) -> None:
        """Ask the group to share out the partitions again; what we still have is finished before."""
        self._thread.rejoin()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Finish and commit first, let go then: Faust itself empties its books before it commits."""
        await self.drain()
        await super().on_partitions_revoked(revoked)

    async def drain(self, *, for_good: bool = False) -> bool:
        """Let all partitions go, and tell whether all that was in flight is done and committed; see `LettingGo`."""
        return await self._letting_go.done(for_good=for_good)

    def drop(self, tp: TP) -> None:
        """Forget what is in flight for a partition; what still comes of it bears an epoch that is over."""
        self._thread.end(tp)
        self.books.close(tp)

    async def committed_position(self, tp: TP) -> int:
        """Where the group goes on in a partition, or begins.

        Raises:
            KafkaError: that is not to be known at the moment, or never, see `may_pass`.
        """
        return await self._thread.committed_position(tp)

    def begin(self, tp: TP, position: int, epoch: int) -> None:
        """Fetch a partition from *position* on; its chunks bear *epoch*."""
        self._committed_offset[tp] = position
        self.books.open(tp, position, epoch)
        self._thread.begin(tp, position, epoch)

    async def stop_opening(self) -> None:
        """Open nothing more, and give up what is being opened."""
        # In this order: what goes wrong from now on must not be opened again.
        self.assigned = set()
        await self._openings.stop()

    def done_up_to(self, tp: TP) -> int | None:
        """The offset up to which a partition is done; None while it is opened for the first time."""
        return self._committed_offset.get(tp)

    def resume_flow(self) -> None:
        """Begin fetching; a rebalance ends with this, also one that left us no partition."""
        if self._letting_go.has_begun:
            return  # as in `perform_seek`
        self.joined = True
        self.app.progress.moved()
        super().resume_flow()
        self.app.listener.rebalanced()

    def stop_flow(self) -> None:
        """Fetch nothing more; a rebalance begins with this."""
        self.joined = False
        self.app.progress.moved()
        super().stop_flow()

    @Service.task
    async def _commit_livelock_detector(self) -> None:
        """Say nothing: Faust's guesses about slow streams count events, and ours are chunks."""

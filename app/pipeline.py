"""From a fetched chunk to its acknowledgement: rank, publish, acknowledge."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from aiokafka import TopicPartition
from faust.types import TP

from app.errors import ProducerFenced, ProducerLost, ReadAgain, ServiceError
from app.kafka.chunk import Chunk
from app.kafka.producer import Producer
from app.kafka.producers import ProducerFactory
from app.lane import Lane, Work
from app.outbox import Outbox
from app.outcome import Outcome, Outcomes
from app.standings.conflation import Conflation, Launch
from app.standings.standings import Standings
from app.tracing.current import within

if TYPE_CHECKING:
    from app.tracing.tracing import Tracing

logger = logging.getLogger(__name__)


class PipelineObserver(Protocol):
    """Who counts what the pipeline does. Durations in seconds, timestamps in milliseconds since the epoch."""

    def consumed(self, chunk: Chunk) -> None:
        """A chunk was accepted."""

    def stage_took(self, stage: str, seconds: float) -> None:
        """A chunk or a batch went through `decode`, `queue`, `predict`, `encode` or `publish`."""

    def confirmed(self, chunk: Chunk, outcomes: Sequence[Outcome], overtaken: int = 0) -> None:
        """The broker has confirmed what became of every record of a chunk, and of those that were *overtaken*."""

    def traced(self, records: Iterable[tuple[int, str]]) -> None:
        """Of some of these records: the timestamp of each, and the id of its trace."""

    def rebalanced(self) -> None:
        """The group's partitions were shared out anew."""


Published = Callable[[Chunk, Sequence[Outcome]], None]
"""Shown a chunk, and what became of each of its records, once the broker has confirmed all of it."""


def to_nobody(_chunk: Chunk, _outcomes: Sequence[Outcome]) -> None:
    """Show it to nobody."""


class Pipeline:
    """Take chunks of any partitions and bring each record to the output or the dead-letter topic.

    Args:
        rank: says what becomes of each record of a chunk.
        outbox: publishes what became of records.
        producer_for: makes the way out of an input partition.
        observer: counts.
        on_lost: told of a partition whose last transaction is in doubt, so that it is opened anew.
        on_fenced: told when a partition turns out to be somebody else's.
        on_failure: told when a partition cannot go on; nothing of it is acknowledged any more.
        drain_seconds: how long revoked partitions may take to finish.
        standings: what is ranked across records; None: nothing is.
        conflation: given how to launch a round, and up to which offset nothing is left out, makes what leaves out
            records that newer ones overtake; None: every record is worked on.
        on_published: shown what is confirmed.
        tracing: makes spans of records; None: nothing is traced.
    """

    def __init__(
        self,
        *,
        rank: Callable[[Chunk], Coroutine[Any, Any, Outcomes]],
        outbox: Outbox,
        producer_for: ProducerFactory,
        observer: PipelineObserver,
        on_lost: Callable[[TP], None],
        on_fenced: Callable[[TP], None],
        on_failure: Callable[[BaseException], None],
        drain_seconds: float,
        standings: Standings | None = None,
        conflation: Callable[[Launch, int], Conflation] | None = None,
        on_published: Published = to_nobody,
        tracing: "Tracing | None" = None,
    ) -> None:
        self._rank = rank
        self._outbox = outbox
        self._producer_for = producer_for
        self._observer = observer
        self._on_lost = on_lost
        self._on_fenced = on_fenced
        self._on_failure = on_failure
        self.drain_seconds = drain_seconds
        self._standings = standings
        self._conflation = conflation
        self._on_published = on_published
        self._tracing = tracing
        self._lanes: dict[TP, Lane] = {}
        self._letting_go = False
        self._conflations: dict[TP, Conflation] = {}
        # Where something was left out that counts after all, up to here.
        self._whole_until: dict[TP, int] = {}
        # What was lost, by its partition, until something of that is confirmed.
        self._lost: dict[TP, ServiceError] = {}

    # -- partitions come and go

    async def open_partition(self, tp: TP, epoch: int) -> None:
        """Drop what is in flight for a partition, and make its way out ready for what bears *epoch*.

        Raises:
            ProducerLost: it cannot be made ready now; trying again may help.
        """
        if (lane := self._lanes.pop(tp, None)) is not None:
            await self._close(tp, lane)
        producer = self._producer_for(TopicPartition(*tp))
        try:
            await producer.open()
            if self._standings is not None:
                # Not before: until then, whoever had the partition may still write there.
                await self._standings.open(tp)
        except BaseException:
            await producer.close()
            raise
        self._lanes[tp] = lane = Lane(
            producer,
            self._publish,
            on_done=self._done,
            on_failure=lambda error: self._lane_failed(tp, epoch, error),
            epoch=epoch,
        )
        if self._conflation is not None:
            launch = partial(self._launch, lane)
            self._conflations[tp] = self._conflation(launch, self._whole_until.get(tp, 0))

    async def _close(self, tp: TP, lane: Lane) -> None:
        if (conflation := self._conflations.pop(tp, None)) is not None:
            conflation.close()
        try:
            await lane.close()
        finally:
            if self._standings is not None:
                self._standings.close(tp)

    def _lane_failed(self, tp: TP, epoch: int, error: BaseException) -> None:
        lane = self._lanes.get(tp)
        if lane is None or lane.epoch != epoch:
            return  # dropped meanwhile, with all that it held
        where = {"topic": tp.topic, "partition": tp.partition}
        if isinstance(error, ReadAgain):
            logger.info("a record that others were left out for is refused; reading them again: %s", error, extra=where)
            self._whole_until[tp] = error.end
            self._lost[tp] = error
            self._on_lost(tp)
        elif isinstance(error, ProducerLost):
            logger.warning("a transaction is in doubt; going on from what is committed: %s", error, extra=where)
            self._lost[tp] = error
            self._on_lost(tp)
        elif isinstance(error, ProducerFenced):
            logger.warning("a partition is in other hands; joining the group again: %s", error, extra=where)
            self._on_fenced(tp)
        else:
            self._on_failure(error)

    def failed(self, error: BaseException) -> None:
        """Pass on that a partition cannot be opened."""
        self._on_failure(error)

    async def partitions_revoked(self) -> bool:
        """Finish what the lanes hold, within `drain_seconds`, and tell whether that worked; drop the rest."""
        self._letting_go = True
        try:
            finished = await self._drain()
            await self._close_lanes()
        finally:
            self._letting_go = False
        return finished

    @property
    def trouble(self) -> str | None:
        """What keeps rankings from being published at the moment."""
        for tp, lane in self._lanes.items():
            if trouble := lane.producer.trouble:
                return trouble
            if not lane.is_idle and (lost := self._lost.get(tp)):
                return f"nothing is confirmed since {lost}"
        return None

    @property
    def publishing(self) -> set[TP]:
        """The partitions whose rankings wait to be confirmed by a broker."""
        return {tp for tp, lane in self._lanes.items() if lane.producer.waits}

    @property
    def unconfirmed(self) -> set[TP]:
        """Those, and the ones that have lost something which is on its way to that again."""
        return self.publishing | self._lost.keys()

    def rebalanced(self) -> None:
        """Count that the partitions were shared out anew, also when none is ours."""
        self._observer.rebalanced()

    def nothing_comes(self) -> None:
        """Let what is held for company go on: none will come before it is done, or none did."""
        for conflation in self._conflations.values():
            conflation.go_on()

    async def _drain(self) -> bool:
        for conflation in self._conflations.values():
            conflation.flush()
        if busy := [asyncio.ensure_future(lane.drain()) for lane in self._lanes.values() if not lane.is_idle]:
            _, late = await asyncio.wait(busy, timeout=self.drain_seconds)
            for task in late:
                task.cancel()
        # What was lost and is not open again has no lane.
        unfinished = sum(not lane.is_idle for lane in self._lanes.values()) + len(
            self._lost.keys() - self._lanes.keys()
        )
        if unfinished:
            logger.warning("partitions let go with work unfinished; it is read again", extra={"lanes": unfinished})
        return not unfinished

    async def _close_lanes(self) -> None:
        lanes, self._lanes = self._lanes, {}
        self._lost.clear()
        self._whole_until.clear()
        await asyncio.gather(*(self._close(tp, lane) for tp, lane in lanes.items()))

    # -- a chunk's way

    def accept(self, chunks: Iterable[Chunk], acknowledge: Callable[[Chunk], Any]) -> None:
        """Start working on *chunks*, so that their rows meet in the batcher.

        *acknowledge* is called with each of them once everything of it is confirmed.
        """
        if self._letting_go:
            # Fetched just before. Published now, it might not be committed any more: nobody waits for it.
            return
        for chunk in chunks:
            tp = TP(*chunk.tp)
            lane = self._lanes.get(tp)
            if lane is None or lane.epoch != chunk.epoch:
                continue  # revoked or opened anew meanwhile: these records are read again
            self._observer.consumed(chunk)
            if (conflation := self._conflations.get(tp)) is not None:
                conflation.offer(chunk, acknowledge)
            else:
                self._launch(lane, chunk, acknowledge, {})

    def _launch(
        self, lane: Lane, chunk: Chunk, acknowledge: Callable[[Chunk], Any], overtaken: dict[int, list[int]]
    ) -> None:
        create_task = asyncio.get_running_loop().create_task
        trace = None if self._tracing is None else self._tracing.begin(chunk)
        if trace is None:
            lane.put(Work(chunk, create_task(self._rank(chunk)), acknowledge, overtaken))
        else:
            ranking = within(trace, lambda: create_task(self._rank(chunk)))
            lane.put(Work(chunk, ranking, acknowledge, overtaken, trace))

    # -- out again

    async def _publish(self, producer: Producer, ready: Sequence[Work]) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        state = [] if self._standings is None else self._standings.settle(ready)
        await self._outbox.publish(producer, ready, state)
        self._observer.stage_took("publish", clock() - began)

    def _done(self, work: Work) -> None:
        tp = TP(*work.chunk.tp)
        self._lost.pop(tp, None)
        if self._whole_until.get(tp, 0) <= work.chunk.end:
            self._whole_until.pop(tp, None)
        overtaken = sum(map(len, work.overtaken.values()))
        self._observer.confirmed(work.chunk, work.outcomes.result(), overtaken)
        if work.trace is not None:
            self._observer.traced(work.trace.exemplars(work.chunk))
            work.trace.done(work.chunk, work.outcomes.result())
        self._on_published(work.chunk, work.outcomes.result())

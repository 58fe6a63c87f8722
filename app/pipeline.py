"""From a fetched chunk to its acknowledgement: decode, batch, predict, encode, publish, acknowledge."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, cast

from faust.types import TP

from app.batching import Batcher
from app.codecs.json import JsonDecoder, RowGroup
from app.codecs.prediction import PredictionEncoder
from app.errors import PublishFailed, Reason, RejectedRecord
from app.kafka.chunk import Chunk
from app.kafka.publisher import Publisher, Refusal
from app.kafka.routing import Router
from app.lane import Lane, Outcome, Work
from app.records import Outgoing, RecordFactory
from app.scoring import Scored

logger = logging.getLogger(__name__)


class PipelineObserver(Protocol):
    """Who counts what the pipeline does. Durations in seconds, timestamps in milliseconds since the epoch."""

    def consumed(self, chunk: Chunk) -> None:
        """A chunk was accepted."""

    def stage_took(self, stage: str, seconds: float) -> None:
        """A chunk or a batch went through `decode`, `queue`, `predict`, `encode` or `publish`."""

    def confirmed(self, chunk: Chunk, outcomes: Sequence[Outcome]) -> None:
        """The broker has confirmed what became of every record of a chunk."""

    def rebalanced(self) -> None:
        """The group's partitions were shared out anew."""


class Pipeline:
    """Take chunks of any partitions and bring each record to the output or the dead-letter topic.

    Args:
        decoder: record bytes to rows.
        batcher: merges rows and runs the model.
        encoder: rankings to record bytes.
        factory: makes outgoing records.
        publisher: sends them and waits for the broker's word.
        router: picks their partition.
        output_topic: where rankings go.
        dead_letter_topic: where refused records go.
        observer: counts.
        on_failure: told when a partition cannot go on; nothing of it is acknowledged any more.
        drain_seconds: how long revoked partitions may take to finish; whether they did is in `finished`.
    """

    def __init__(
        self,
        *,
        decoder: JsonDecoder,
        batcher: Batcher[RowGroup, Scored],
        encoder: PredictionEncoder,
        factory: RecordFactory,
        publisher: Publisher,
        router: Router,
        output_topic: str,
        dead_letter_topic: str,
        observer: PipelineObserver,
        on_failure: Callable[[BaseException], None],
        drain_seconds: float,
    ) -> None:
        self._decoder = decoder
        self._batcher = batcher
        self._encoder = encoder
        self._factory = factory
        self._publisher = publisher
        self._router = router
        self._output_topic = output_topic
        self._dead_letter_topic = dead_letter_topic
        self._observer = observer
        self._on_failure = on_failure
        self.drain_seconds = drain_seconds
        self.finished = True
        self._revoking = asyncio.Lock()
        self._lanes: dict[TP, Lane] = {}

    # -- partitions come and go

    async def partitions_assigned(self, tps: set[TP]) -> None:
        """Open a lane per partition."""
        await self._close_lanes()
        self.finished = True
        self._lanes = {tp: Lane(self._publish, self._on_failure) for tp in tps}
        logger.info("partitions assigned", extra={"partitions": sorted(tp.partition for tp in tps)})

    async def partitions_revoked(self) -> None:
        """Finish what the lanes hold, within `drain_seconds`; drop the rest unacknowledged."""
        async with self._revoking:  # a signal may overtake a rebalance
            if self._lanes:
                self.finished = await self._drain()
                await self._close_lanes()

    def rebalanced(self) -> None:
        """Count that the partitions were shared out anew, also when none is ours."""
        self._observer.rebalanced()

    async def _drain(self) -> bool:
        if busy := [asyncio.ensure_future(lane.drain()) for lane in self._lanes.values() if not lane.is_idle]:
            _, late = await asyncio.wait(busy, timeout=self.drain_seconds)
            for task in late:
                task.cancel()
        unfinished = sum(not lane.is_idle for lane in self._lanes.values())
        if unfinished:
            logger.warning("partitions let go with work unfinished; it is read again", extra={"lanes": unfinished})
        return not unfinished

    async def _close_lanes(self) -> None:
        lanes, self._lanes = self._lanes, {}
        await asyncio.gather(*(lane.close() for lane in lanes.values()))

    # -- a chunk's way

    def accept(self, chunks: Iterable[Chunk], acknowledge: Callable[[Chunk], Any]) -> None:
        """Start working on *chunks*, so that their rows meet in the batcher.

        *acknowledge* is called with each of them once everything of it is confirmed.
        """
        loop = asyncio.get_running_loop()
        for chunk in chunks:
            lane = self._lanes.get(TP(*chunk.tp))
            if lane is None:
                continue  # revoked meanwhile: whoever has the partition now reads these records again
            self._observer.consumed(chunk)
            lane.put(Work(chunk, loop.create_task(self._outcomes(chunk)), acknowledge))

    async def _outcomes(self, chunk: Chunk) -> list[Outcome]:
        """Decode, predict and encode; one outcome per record, in order."""
        clock = asyncio.get_running_loop().time
        began = clock()
        decoded = self._decoder.decode(chunk, f"{chunk.tp.topic}-{chunk.tp.partition}")
        self._observer.stage_took("decode", clock() - began)
        if len(decoded.groups) == 1 and not decoded.rejected:
            return await self._rank(decoded.groups[0])
        outcomes: dict[int, Outcome] = dict(decoded.rejected)
        ranked = await asyncio.gather(*(self._rank(group) for group in decoded.groups))
        for group, answers in zip(decoded.groups, ranked, strict=True):
            outcomes.update(zip(group.positions, answers, strict=True))
        return [outcomes[place] for place in range(len(chunk))]

    async def _rank(self, group: RowGroup) -> list[Outcome]:
        rows = len(group.ids)
        parts = await self._batcher.submit(group, rows=rows, nbytes=group.nbytes, key=group.shape_key)
        clock = asyncio.get_running_loop().time
        began = clock()
        outcomes: list[Outcome] = []
        for part in parts:
            outcomes += self._encode(group.ids[part.start : part.stop], part.result)
        self._observer.stage_took("encode", clock() - began)
        return outcomes

    def _encode(self, ids: Sequence[str | int], scored: Scored) -> list[Outcome]:
        if not scored.refused:
            return [] if scored.ranking is None else list(self._encoder.encode(ids, scored.ranking))
        answered = [place for place in range(len(ids)) if place not in scored.refused]
        outcomes: dict[int, Outcome] = dict(scored.refused)
        if scored.ranking is not None:
            outcomes.update(
                zip(answered, self._encoder.encode([ids[i] for i in answered], scored.ranking), strict=True)
            )
        return [outcomes[place] for place in range(len(ids))]

    # -- out again

    async def _publish(self, ready: Sequence[Work]) -> None:
        """Publish what became of consecutive chunks of one partition, and return when all of it is confirmed."""
        clock = asyncio.get_running_loop().time
        began = clock()
        await self._publish_predictions(ready)
        await self._publish_dead_letters(ready)
        self._observer.stage_took("publish", clock() - began)
        for work in ready:
            self._observer.confirmed(work.chunk, work.outcomes.result())

    async def _publish_predictions(self, ready: Sequence[Work]) -> None:
        """Publish the rankings; one that the broker refuses becomes a rejection."""
        sent: list[tuple[Work, int]] = []
        records: list[Outgoing] = []
        for work in ready:
            outcomes = work.outcomes.result()
            places = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, bytes)]
            sent += [(work, place) for place in places]
            records += self._factory.predictions(
                work.chunk.tp,
                [work.chunk[place] for place in places],
                [cast(bytes, outcomes[place]) for place in places],
            )
        refused = await self._send(self._output_topic, ready[0].chunk.tp.partition, records)
        for index, why in refused.items():
            work, place = sent[index]
            work.outcomes.result()[place] = _rejection(self._output_topic, records[index], why)

    async def _publish_dead_letters(self, ready: Sequence[Work]) -> None:
        """Publish the refused records; one that is too large for the broker goes out without its value."""
        letters = [
            self._factory.dead_letter(work.chunk.tp, work.chunk[place], outcome)
            for work in ready
            for place, outcome in enumerate(work.outcomes.result())
            if isinstance(outcome, RejectedRecord)
        ]
        source = ready[0].chunk.tp.partition
        refused = await self._send(self._dead_letter_topic, source, letters)
        too_large = [index for index, why in refused.items() if why is Refusal.TOO_LARGE]
        empty = [self._factory.without_value(letters[index]) for index in too_large]
        still_refused = await self._send(self._dead_letter_topic, source, empty)
        for why in (*(why for why in refused.values() if why is Refusal.INVALID), *still_refused.values()):
            raise PublishFailed(f"{self._dead_letter_topic}: the broker refuses a dead letter {_DEAD_ENDS[why]}")

    async def _send(self, topic: str, source: int, records: Sequence[Outgoing]) -> dict[int, Refusal]:
        """Publish records of input partition *source*; returns the places of those refused by themselves, and why."""
        if not records:
            return {}
        if self._router.is_aligned(topic):
            return await self._publisher.publish(topic, source, records)
        places: dict[int, list[int]] = defaultdict(list)
        for place, record in enumerate(records):
            places[self._router.partition(topic, source, record.key)].append(place)
        sending = [
            asyncio.ensure_future(self._publisher.publish(topic, to, [records[i] for i in mine]))
            for to, mine in places.items()
        ]
        try:
            refused = await asyncio.gather(*sending)
        finally:
            for each in sending:
                each.cancel()  # when one failed, nobody waits for the others
        return {
            mine[index]: why
            for mine, refusals in zip(places.values(), refused, strict=True)
            for index, why in refusals.items()
        }


_DEAD_ENDS = {
    Refusal.TOO_LARGE: "even without its value; raise max.message.bytes of the topic above the size of the record's "
    "key and headers",
    Refusal.INVALID: "as invalid; a compacted topic takes no record without a key: set its cleanup.policy to delete",
}


def _rejection(topic: str, record: Outgoing, why: Refusal) -> RejectedRecord:
    if why is Refusal.INVALID:
        return RejectedRecord(
            Reason.NOT_ENCODABLE,
            f"{topic} refuses the ranking as invalid; a compacted topic takes no record without a key: give it one, "
            "or set the topic's cleanup.policy to delete",
        )
    size = len(record.key or b"") + len(record.value or b"")
    return RejectedRecord(
        Reason.TOO_LARGE_TO_PUBLISH,
        f"the ranking of {size} bytes (key and value) is larger than {topic} takes; raise max.message.bytes of the "
        "topic, or lower RANK_TOP_K",
    )

"""Publish what became of records: rankings to the output topic, refused records to the dead-letter topic."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby

from app.errors import PublishFailed, Reason, RejectedRecord
from app.kafka.producer import Producer, Refusal
from app.kafka.routing import Router
from app.lane import Work
from app.outcome import GroupOver, Outcome
from app.records import Outgoing, RecordFactory
from app.tracing.publication import Publication, Sent


class Outbox:
    """Turns outcomes into outgoing records and sees to it that each finds a place.

    Args:
        router: picks their partition.
        output_topic: where rankings go.
        dead_letter_topic: where refused records go.
        state_topic: where state goes, whose partitions are those of the input.
    """

    def __init__(
        self, router: Router, *, output_topic: str, dead_letter_topic: str, state_topic: str | None = None
    ) -> None:
        self._router = router
        self._output_topic = output_topic
        self._dead_letter_topic = dead_letter_topic
        self._state_topic = state_topic

    async def publish(self, producer: Producer, ready: Sequence[Work], state: Sequence[Outgoing] = ()) -> None:
        """Publish what became of consecutive chunks of one partition, and return when all of it is confirmed.

        State that is refused is told of once the outcomes are confirmed, or have failed.

        Args:
            producer: the partition's way out.
            ready: the chunks.
            state: the records that keep the state after them.

        Raises:
            PublishFailed: a record finds no place, not even among the dead letters.
            ServiceError: whatever *producer* raises.
        """
        if not state:
            return await self._publish_outcomes(producer, ready)
        # Both at once, so that they leave in one request.
        keeping = asyncio.ensure_future(self._keep(producer, ready[0].chunk.tp.partition, state))
        try:
            await self._publish_outcomes(producer, ready)
            await keeping
        except BaseException:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            raise

    async def _publish_outcomes(self, producer: Producer, ready: Sequence[Work]) -> None:
        await self._publish_predictions(producer, ready)
        await self._publish_dead_letters(producer, ready)

    async def _keep(self, producer: Producer, partition: int, state: Sequence[Outgoing]) -> None:
        assert self._state_topic is not None  # noqa: S101 - whoever has state has a topic for it
        refused = await producer.publish(self._state_topic, partition, state)
        for index, why in refused.items():
            record = state[index]
            size = len(record.key or b"") + len(record.value or b"")
            raise PublishFailed(
                f"{self._state_topic}: the broker refuses a record of {size} bytes as {why.value}, and standings could "
                "not be kept; raise max.message.bytes of the topic"
            )

    async def _publish_predictions(self, producer: Producer, ready: Sequence[Work]) -> None:
        """Publish the rankings; one that the broker refuses becomes a rejection."""
        sent: list[tuple[Work, int]] = []
        records: list[Outgoing] = []
        for work in ready:
            outcomes = work.outcomes.result()
            ranked = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, bytes | GroupOver)]
            sent += [(work, place) for place in ranked]
            for factory, run in groupby(ranked, outcomes.factories.__getitem__):
                places = list(run)
                records += factory.predictions(
                    work.chunk.tp,
                    [work.chunk[place] for place in places],
                    [_value(outcomes[place]) for place in places],
                )
        if any(work.overtaken for work in ready):
            records = [_accounted(work, place, record) for (work, place), record in zip(sent, records, strict=True)]
        source = ready[0].chunk.tp.partition
        with self._publication(ready, sent, records, self._output_topic) as publication:
            refused = await send(self._router, producer, self._output_topic, source, records)
            publication.refused(refused)
        for index, why in refused.items():
            work, place = sent[index]
            work.outcomes.result()[place] = _rejection(self._output_topic, records[index], why)

    async def _publish_dead_letters(self, producer: Producer, ready: Sequence[Work]) -> None:
        """Publish the refused records; one that is too large for the broker goes out without its value."""
        sent: list[tuple[Work, int]] = []
        letters: list[Outgoing] = []
        for work in ready:
            outcomes = work.outcomes.result()
            for place, outcome in enumerate(outcomes):
                if isinstance(outcome, RejectedRecord) and not outcome.skipped:
                    letter = outcomes.factories[place].dead_letter(work.chunk.tp, work.chunk[place], outcome)
                    letters.append(_accounted(work, place, letter))
                    sent.append((work, place))
        if not letters:
            return
        source = ready[0].chunk.tp.partition
        with self._publication(ready, sent, letters, self._dead_letter_topic) as publication:
            refused = await send(self._router, producer, self._dead_letter_topic, source, letters)
            too_large = [index for index, why in refused.items() if why is Refusal.TOO_LARGE]
            empty = [RecordFactory.without_value(letters[index]) for index in too_large]
            still_refused = await send(self._router, producer, self._dead_letter_topic, source, empty)
            refused = {index: why for index, why in refused.items() if why is Refusal.INVALID} | {
                too_large[index]: why for index, why in still_refused.items()
            }
            publication.refused(refused)
        for why in refused.values():
            raise PublishFailed(f"{self._dead_letter_topic}: the broker refuses a dead letter {_DEAD_ENDS[why]}")

    def _publication(self, ready: Sequence[Work], sent: Sent, records: list[Outgoing], topic: str) -> Publication:
        source = ready[0].chunk.tp.partition
        traced = any(work.trace is not None for work in ready)
        return Publication(
            sent if traced else (), records, topic, lambda record: self._router.partition(topic, source, record.key)
        )


def _value(outcome: Outcome) -> bytes | None:
    return outcome if isinstance(outcome, bytes) else None


def _accounted(work: Work, place: int, record: Outgoing) -> Outgoing:
    """The record with the offsets of those that it overtook, which are published nowhere else."""
    overtaken = work.overtaken.get(work.chunk[place].offset)
    return RecordFactory.standing_for(record, overtaken) if overtaken else record


async def send(
    router: Router, producer: Producer, topic: str, source: int, records: Sequence[Outgoing]
) -> dict[int, Refusal]:
    """Publish *records*, which come from input partition *source*, where *router* says.

    Returns:
        The places of those that the broker refuses by themselves, and why.

    Raises:
        ServiceError: whatever *producer* raises.
    """
    if not records:
        return {}
    if router.is_aligned(topic):
        return await producer.publish(topic, source, records)
    places: dict[int, list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        places[router.partition(topic, source, record.key)].append(place)
    sending = [
        asyncio.ensure_future(producer.publish(topic, to, [records[i] for i in mine])) for to, mine in places.items()
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

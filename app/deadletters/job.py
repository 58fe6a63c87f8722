"""A replay as it was asked for, from connecting to the last commit."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing

from aiokafka import TopicPartition

from app import moment
from app.deadletters.destination import Destination
from app.deadletters.dry_run import DryRun
from app.deadletters.gauge import gauge
from app.deadletters.letter import Letter
from app.deadletters.letters import letters
from app.deadletters.options import ReplayOptions
from app.deadletters.outlet import Outlet
from app.deadletters.outlets import outlet_factory
from app.deadletters.pace import Pace
from app.deadletters.progress import Progress, group_name
from app.deadletters.replay import Replay
from app.deadletters.tally import Tally
from app.kafka.client import Client
from app.kafka.committed import GroupOffsets
from app.kafka.reader import PATIENCE_SECONDS, Span, TopicReader
from app.kafka.security import Security
from app.kafka.visit import VisitFailed, visit
from config.settings import KafkaSettings

# Kafka's default for offsets.retention.minutes.
_REMEMBERED_MS = 7 * 86_400_000
_NOT_SURE = 1


class Job:
    """Replays once, or does as if.

    Args:
        options: what is wanted.
        kafka: where.
        security: how to connect.
        patience_seconds: how long brokers may fail to answer, and one step of the replay may take.

    Attributes:
        topic: where records go.
        group: what keeps the progress.
        tally: what became of the letters so far.
    """

    def __init__(
        self,
        options: ReplayOptions,
        kafka: KafkaSettings,
        security: Security,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.topic = options.to or kafka.input_topic
        elsewhere = options.to if options.to != kafka.input_topic else None
        self.group = options.group or group_name(kafka.consumer_group, options.selection, elsewhere)
        self.tally = Tally()
        self._options = options
        self._kafka = kafka
        self._security = security
        self._patience_seconds = patience_seconds

    async def rehearse(self, *, aloud: bool) -> None:
        """Do all but write and commit; *aloud*: tell on standard output what would be written.

        Raises:
            VisitFailed: the brokers do not play along.
        """
        async with self._visit() as client:
            reader, offsets = self._books(client)
            progress = self._progress(reader)
            spans = await progress.left(offsets)
            outlet = DryRun(self.topic if aloud else None)
            await self._go(client, progress, spans, dict.fromkeys(spans, outlet))

    async def carry_out(self, stop: asyncio.Event) -> None:
        """Write and commit until there is nothing left, or *stop* is set.

        Raises:
            VisitFailed: the brokers do not play along.
            ProducerFenced: another replay has begun.
            PublishFailed: the broker takes nothing.
        """
        async with self._visit() as client, AsyncExitStack() as opened:
            reader, offsets = self._books(client)
            progress = self._progress(reader)
            spans = await progress.whole()
            outlets = await self._outlets(client, offsets, spans) if spans else {}
            for partition, outlet in outlets.items():
                opened.push_async_callback(outlet.close)
                spans[partition] = await self._open(outlet, partition, progress)
            await self._go(client, progress, spans, outlets, rate=self._options.rate, stop=stop)

    def _visit(self) -> AbstractAsyncContextManager[Client]:
        topics = [self._kafka.dead_letter_topic, self.topic]
        return visit(self._kafka.bootstrap_servers, self._security, topics)

    def _books(self, client: Client) -> tuple[TopicReader, GroupOffsets]:
        seconds = self._patience_seconds
        return (
            TopicReader(client, self._kafka.dead_letter_topic, patience_seconds=seconds),
            GroupOffsets(client, self.group, patience_seconds=seconds),
        )

    def _progress(self, reader: TopicReader) -> Progress:
        return Progress(reader, self._options.selection, from_beginning=self._options.from_beginning)

    async def _outlets(self, client: Client, offsets: GroupOffsets, spans: Mapping[int, Span]) -> dict[int, Outlet]:
        outlet_of = await outlet_factory(
            client, topic=self.topic, offsets=offsets, patience_seconds=self._patience_seconds
        )
        return {number: outlet_of(TopicPartition(self._kafka.dead_letter_topic, number)) for number in spans}

    async def _open(self, outlet: Outlet, partition: int, progress: Progress) -> Span:
        async with asyncio.timeout(self._patience_seconds):
            committed = await outlet.open()
            if (start := progress.set_back_to(partition, committed)) is not None:
                await outlet.settle([], start)
        return progress.left_after(committed, partition)

    async def _go(
        self,
        client: Client,
        progress: Progress,
        spans: Mapping[int, Span],
        outlets: Mapping[int, Outlet],
        *,
        rate: float | None = None,
        stop: asyncio.Event | None = None,
    ) -> None:
        with gauge("letters", sum(span.size for span in spans.values()), sys.stderr) as moved:
            replay = Replay(
                selection=self._options.selection,
                destination=await self._destination(client),
                outlets=outlets,
                pace=Pace(rate),
                limit=self._options.limit,
                stop=stop or asyncio.Event(),
                tally=self.tally,
                moved=moved,
                step_seconds=self._patience_seconds,
            )
            async with aclosing(self._unless_forgotten(letters(progress.reader, spans), progress)) as found:
                await replay.run(found)

    async def _unless_forgotten(
        self, found: AsyncGenerator[Letter, None], progress: Progress
    ) -> AsyncGenerator[Letter, None]:
        """Pass on what is *found*, unless it may have been replayed before Kafka forgot the progress of that."""
        unchecked = progress.unknown.copy()
        async with aclosing(found):
            async for letter in found:
                if letter.place.partition in unchecked and self._options.selection.takes(letter):
                    self._check_age(letter)
                    if letter.timestamp is not None:
                        unchecked.remove(letter.place.partition)
                yield letter

    def _check_age(self, oldest: Letter) -> None:
        refused_at = oldest.timestamp
        if refused_at is not None and time.time() * 1000 - refused_at > _REMEMBERED_MS:
            raise VisitFailed(
                f"nothing is known of earlier replays from partition {oldest.place.partition} (group {self.group}), "
                f"and its oldest letter was refused on {moment.written(refused_at)}: Kafka forgets a progress after a "
                "week. If none of these was ever replayed, say --from-beginning; else --since with less than a week",
                _NOT_SURE,
            )

    async def _destination(self, client: Client) -> Destination:
        input_topic = self._kafka.input_topic
        missing = await client.missing([input_topic])
        await client.watch([self.topic] if missing else [self.topic, input_topic])
        return Destination(
            self.topic,
            input_topic=input_topic,
            any_source=self._options.to is not None,
            count=lambda topic: 0 if topic in missing else client.partition_count(topic),
        )

"""Races into the input topic, faster than life, and what comes of them out of the others."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from app.demo.failure import DemoFailed
from app.demo.meeting import Answer, Meeting
from app.demo.schedule import Due
from app.demo.view import View

INPUT, OUTPUT, DEAD_LETTERS = TOPICS = ("races", "races.rankings", "races.dead-letters")
PARTITIONS = 4
SILENCE_S = 30  # without any answer for so long, the demo gives up
TICK_S = 0.1  # between two looks at what came
FETCH_WAIT_MS = 10


class Stream:
    """Sends records when they are due and reads what becomes of them; use it in `async with`.

    Args:
        bootstrap_servers: the broker.

    Attributes:
        bootstrap_servers: the same.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap_servers)
        # The embedded broker looks for new records only twice within the wait, so a long one would be seen as latency.
        wait = {"fetch_max_wait_ms": FETCH_WAIT_MS, "auto_offset_reset": "earliest"}
        self._reader = AIOKafkaConsumer(bootstrap_servers=self.bootstrap_servers, **wait)
        await self._producer.start()
        await self._reader.start()
        read = [TopicPartition(topic, partition) for topic in (OUTPUT, DEAD_LETTERS) for partition in range(PARTITIONS)]
        self._reader.assign(read)
        # What our own clients have to find out first is not the service's latency.
        await self._producer.partitions_for(INPUT)
        for partition in read:
            await self._reader.position(partition)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()
        await self._reader.stop()

    async def run(
        self, meeting: Meeting, *, speed: float, on_view: Callable[[View], None], check: Callable[[], None]
    ) -> None:
        """Send all records of *meeting* and return when each has been answered.

        Args:
            meeting: is told everything.
            speed: how much faster than life; a record that is late does not delay the next.
            on_view: is shown what is to be seen, again and again.
            check: raises when waiting has become pointless.

        Raises:
            DemoFailed: no answer for 30 seconds although records wait.
        """
        sending = asyncio.create_task(self._send(meeting, speed))
        try:
            await self._read_until_answered(meeting, sending, on_view, check)
            await sending
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    async def _send(self, meeting: Meeting, speed: float) -> None:
        start = time.perf_counter() - meeting.plan[0].at / speed  # the first one is due now
        confirmations = []
        for due in meeting.plan:
            at = start + due.at / speed
            if (early := at - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            meeting.sent(due, at)
            confirmations.append(await self._producer.send(INPUT, due.value, key=due.key))
            confirmations[-1].add_done_callback(_placing(meeting, due))
        await asyncio.gather(*confirmations)

    async def _read_until_answered(
        self, meeting: Meeting, sending: asyncio.Task[None], on_view: Callable[[View], None], check: Callable[[], None]
    ) -> None:
        last_progress = time.perf_counter()
        while not meeting.tally.complete:
            came = await self._read(meeting)
            now = time.perf_counter()
            on_view(view := meeting.view(now))
            check()
            if sending.done():
                sending.result()
            figures = view.figures
            if came or not figures.waiting:
                last_progress = now
            elif now - last_progress > SILENCE_S:
                missing = f"{figures.waiting:,} of {figures.sent:,} records are missing"
                raise DemoFailed(f"no answer for {SILENCE_S} s; {missing}")
        # Had a record been ranked twice, the second ranking would be here by now.
        await self._read(meeting)
        on_view(meeting.view(time.perf_counter()))

    async def _read(self, meeting: Meeting) -> bool:
        """Take what comes within a moment; return whether anything came."""
        until = time.perf_counter() + TICK_S
        came = False
        while (left := until - time.perf_counter()) > 0:
            for partition, records in (await self._reader.getmany(timeout_ms=left * 1000)).items():
                now = time.perf_counter()
                came = True
                note = meeting.refused if partition.topic == DEAD_LETTERS else meeting.came_out
                for record in records:
                    note(Answer(record.key, record.headers, record.value), now)
        return came


def _placing(meeting: Meeting, due: Due) -> Callable[[asyncio.Future[Any]], None]:
    """Return what tells *meeting* where a record lies once the broker has confirmed it."""

    def confirmed(confirmation: asyncio.Future[Any]) -> None:
        if not confirmation.cancelled() and confirmation.exception() is None:
            metadata = confirmation.result()
            meeting.placed(due, (metadata.partition, metadata.offset))

    return confirmed

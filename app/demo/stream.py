"""Real records into the input topic at a steady rate, and what comes of them out of the others."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from app.demo.failure import DemoFailed
from app.demo.tally import Tally, View

INPUT, OUTPUT, DEAD_LETTERS = TOPICS = ("digits", "digits.rankings", "digits.dead-letters")
PARTITIONS = 4
SILENCE_S = 30  # without any answer for so long, the demo gives up
TICK_S = 0.1  # between two looks at the tally
FETCH_WAIT_MS = 10


class _Entry(msgspec.Struct):
    label: str
    score: float


class _Ranking(msgspec.Struct):
    id: int
    predictions: list[_Entry]


_DECODER = msgspec.json.Decoder(_Ranking)


class Stream:
    """Sends images as records and reads what becomes of them; use it in `async with`.

    Args:
        bootstrap_servers: the broker.
        images: `[N, 64]`; record `n` of a run carries image `n % N`, with that number as its key.
    """

    def __init__(self, bootstrap_servers: str, images: npt.NDArray[np.float32]) -> None:
        self._servers = bootstrap_servers
        self._images = [json.dumps(image) for image in images.tolist()]
        self._first_id = 0

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(bootstrap_servers=self._servers)
        # The embedded broker looks for new records only twice within the wait, so a long one would be seen as latency.
        wait = {"fetch_max_wait_ms": FETCH_WAIT_MS, "auto_offset_reset": "earliest"}
        self._reader = AIOKafkaConsumer(bootstrap_servers=self._servers, **wait)
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
        self, tally: Tally, *, rate: float, on_view: Callable[[View], None], check: Callable[[], None]
    ) -> None:
        """Send `tally.total` records, *rate* a second, and return when each has been answered.

        Args:
            tally: is told everything.
            rate: records a second; a record that is late does not delay the next.
            on_view: is shown the tally again and again.
            check: raises when waiting has become pointless.

        Raises:
            DemoFailed: no answer for 30 seconds although records wait.
        """
        sending = asyncio.create_task(self._send(tally, rate))
        try:
            await self._read_until_answered(tally, sending, on_view, check)
            await sending
        finally:
            sending.cancel()
            await asyncio.wait([sending])
        self._first_id += tally.total

    async def _send(self, tally: Tally, rate: float) -> None:
        start = time.perf_counter()
        confirmations = []
        for number in range(tally.total):
            due = start + number / rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            image = number % len(self._images)
            value = f'{{"id": {self._first_id + number}, "features": {self._images[image]}}}'
            tally.sent(due)
            confirmations.append(await self._producer.send(INPUT, value.encode(), key=str(image).encode()))
        await asyncio.gather(*confirmations)

    async def _read_until_answered(
        self, tally: Tally, sending: asyncio.Task[None], on_view: Callable[[View], None], check: Callable[[], None]
    ) -> None:
        last_progress = time.perf_counter()
        while tally.answered < tally.total:
            came = await self._read(tally)
            now = time.perf_counter()
            on_view(view := tally.view(now))
            check()
            if sending.done():
                sending.result()
            if came or not view.waiting:
                last_progress = now
            elif now - last_progress > SILENCE_S:
                raise DemoFailed(f"no answer for {SILENCE_S} s; {view.waiting:,} of {view.sent:,} records are missing")
        # Had a record been predicted twice, the second prediction would be here by now.
        await self._read(tally)
        on_view(tally.view(time.perf_counter()))

    async def _read(self, tally: Tally) -> bool:
        """Take what comes within a moment; return whether anything came."""
        until = time.perf_counter() + TICK_S
        came = False
        while (left := until - time.perf_counter()) > 0:
            for partition, records in (await self._reader.getmany(timeout_ms=left * 1000)).items():
                now = time.perf_counter()
                came = True
                for record in records:
                    self._note(tally, partition.topic, record.value, now)
        return came

    def _note(self, tally: Tally, topic: str, value: bytes, now: float) -> None:
        if topic == DEAD_LETTERS:
            tally.dead_lettered(now)
            return
        ranking = _DECODER.decode(value)
        tally.predicted(
            ranking.id - self._first_id, tuple((entry.label, entry.score) for entry in ranking.predictions), now
        )

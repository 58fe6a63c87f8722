"""Send letters back: which of them, in which steps, and how far it has come."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from app.deadletters.destination import Destination
from app.deadletters.letter import Letter
from app.deadletters.outlet import Outlet
from app.deadletters.pace import Pace
from app.deadletters.selection import Selection
from app.deadletters.tally import Tally
from app.kafka.producer import Refusal

_TOGETHER = 500
_TOGETHER_BYTES = 1_000_000


class Replay:
    """One replay.

    Args:
        selection: which letters.
        destination: where to.
        outlets: by dead-letter partition.
        pace: how fast.
        limit: most records to write.
        stop: when it is set, the step under way is the last.
        tally: counts what becomes of the letters.
        step_seconds: how long it may take to write and commit what goes together.
        moved: called for each letter that was looked at.
    """

    def __init__(
        self,
        *,
        selection: Selection,
        destination: Destination,
        outlets: Mapping[int, Outlet],
        pace: Pace,
        limit: int | None,
        stop: asyncio.Event,
        tally: Tally,
        step_seconds: float,
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        self._tally = tally
        self._selection = selection
        self._destination = destination
        self._outlets = outlets
        self._pace = pace
        self._limit = limit
        self._stop = stop
        self._step_seconds = step_seconds
        self._moved = moved
        self._batch: list[Letter] = []
        self._bytes = 0

    async def run(self, found: AsyncIterator[Letter]) -> None:
        """Go through the letters *found* to the end, the limit or the stop.

        Raises:
            TimeoutError: a step took too long.
            ProducerFenced, PublishFailed, KafkaError: as `Outlet.settle` does.
        """
        async for letter in found:
            self._moved()
            if self._is_meant(letter):
                self._batch.append(letter)
                self._bytes += len(letter.key or b"") + len(letter.value or b"")
            if self._is_full():
                await self._send()
            if self._is_over():
                return
        await self._send()

    def _is_meant(self, letter: Letter) -> bool:
        if not self._selection.takes(letter):
            self._tally.passed_over += 1
            return False
        if letter.is_tombstone and not self._selection.asks_for(letter):
            # On a compacted topic it would delete what the key has become since.
            self._tally.tombstones += 1
            return False
        return True

    def _is_full(self) -> bool:
        left = _TOGETHER if self._limit is None else min(_TOGETHER, self._limit - self._tally.written)
        return len(self._batch) >= self._pace.together(left) or self._bytes >= _TOGETHER_BYTES

    def _is_over(self) -> bool:
        return self._stop.is_set() or (self._limit is not None and self._tally.written >= self._limit)

    async def _send(self) -> None:
        batch, self._batch, self._bytes = self._batch, [], 0
        await self._pace.wait(len(batch), self._stop)
        by_partition: dict[int, list[Letter]] = defaultdict(list)
        for letter in batch:
            by_partition[letter.place.partition].append(letter)
        for partition, mine in by_partition.items():
            if self._stop.is_set():
                return
            await self._settle(partition, mine)

    async def _settle(self, partition: int, batch: Sequence[Letter]) -> None:
        objections = {letter.place: why for letter in batch if (why := self._destination.objection(letter))}
        addressed = [self._destination.address(letter) for letter in batch if letter.place not in objections]
        outlet = self._outlets[partition]
        try:
            async with asyncio.timeout(self._step_seconds):
                refused = await outlet.settle(addressed, batch[-1].place.offset + 1)
        except TimeoutError as error:
            raise TimeoutError(
                f"not written and committed within {self._step_seconds:g} s: {outlet.trouble}"
            ) from error
        for place, why in objections.items():
            self._tally.refuse(place, why)
        for index, refusal in refused.items():
            why = _REFUSALS[refusal].format(topic=self._destination.topic)
            self._tally.refuse_for_now(addressed[index].letter.place, why)
        self._tally.written += len(addressed) - len(refused)


_REFUSALS = {
    Refusal.TOO_LARGE: "{topic} refuses them as too large; raise its max.message.bytes",
    Refusal.INVALID: "{topic} refuses them as invalid; a compacted topic takes no record without a key",
}

"""When to fetch more: not while a few records are in the works, nor while more than enough are."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

# Longest that fetching waits for a few records to be done with: what they take as a rule, also on slow machines, where
# rounds that overlap take the processor from each other. The next ones are not to suffer from a slow model.
PATIENCE_SECONDS = 0.005
# Of the largest chunks, enough for every stage to have work while the next is fetched.
CHUNKS_IN_THE_WORKS = 8


class Pace:
    """Counts the records in the works, from their fetch until they are done with, and holds back fetching by it.

    A few are let be done with: what arrives meanwhile comes in one fetch, goes through the model together and is
    published together, which under a stream of single records costs a fraction, here and at the broker, so that they do
    not queue up. TCP does the same with small segments. And more than a few chunks per stage only take memory.

    Args:
        few: so many records are few no longer.
        most_records: in a chunk.
    """

    def __init__(self, *, few: int, most_records: int) -> None:
        self._few, self._many = few, CHUNKS_IN_THE_WORKS * most_records
        self._records = 0
        self._changed = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether more than enough are in the works."""
        return self._records >= self._many

    def began(self, records: int) -> None:
        """So many records were fetched."""
        self._records += records

    def ended(self, records: int) -> None:
        """So many are done with, or given up."""
        self._records -= records
        self.changed()

    def changed(self) -> None:
        """Something changed that `until` may wait for."""
        self._changed.set()

    async def wait(self, timeout_seconds: float) -> bool:
        """Return when to fetch more; False when there are still too many in the works after *timeout_seconds*."""
        if 0 < self._records < self._few:
            await self.until(lambda: not self._records, PATIENCE_SECONDS)
        elif self.is_full:
            return await self.until(lambda: not self.is_full, timeout_seconds)
        return True

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for *condition*, at most *seconds*; False when it does not hold by then. For one waiter at a time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        return condition()

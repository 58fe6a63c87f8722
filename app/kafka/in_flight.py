"""How much may be fetched and not yet committed, over all partitions."""

import asyncio
from typing import NamedTuple


class Room(NamedTuple):
    """What may still be fetched."""

    records: int
    nbytes: int


class InFlight:
    """Count records and bytes from their fetch to their commit, and hold back fetching while either bound is reached.

    Args:
        max_records: fetched and not yet committed, at most.
        max_bytes: the same in bytes. A fetch ends with the record that reaches it, so one record may go beyond.
    """

    def __init__(self, max_records: int, max_bytes: int) -> None:
        self.max_records = max_records
        self._max_bytes = max_bytes
        self.records = 0
        self.nbytes = 0
        self._freed = asyncio.Event()

    def add(self, records: int, nbytes: int) -> None:
        """Count what was fetched."""
        self.records += records
        self.nbytes += nbytes

    def remove(self, records: int, nbytes: int) -> None:
        """Stop counting what was committed or given up."""
        self.records -= records
        self.nbytes -= nbytes
        self._freed.set()

    def room(self) -> Room | None:
        """What may be fetched now; None when a bound is reached."""
        records, nbytes = self.max_records - self.records, self._max_bytes - self.nbytes
        return Room(records, nbytes) if records > 0 and nbytes > 0 else None

    async def wait_for_room(self, timeout_seconds: float) -> Room | None:
        """The room there is, waiting up to *timeout_seconds* for some; None when there is none by then."""
        if (room := self.room()) is not None:
            return room
        self._freed.clear()
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._freed.wait()
        except TimeoutError:
            return None
        return self.room()

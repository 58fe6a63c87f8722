"""How much may be fetched and not yet committed, over all partitions."""

from typing import NamedTuple


class Room(NamedTuple):
    """What may still be fetched; while nothing is in flight, a single record may be larger than that."""

    records: int
    nbytes: int
    empty: bool


class InFlight:
    """Count records and bytes from their fetch to their commit, and hold back fetching while either bound is reached.

    Args:
        max_records: fetched and not yet committed, at most.
        max_bytes: the same in bytes. A record that is larger by itself is fetched when nothing else is in flight.
    """

    def __init__(self, max_records: int, max_bytes: int) -> None:
        self.max_records = max_records
        self.max_bytes = max_bytes
        self.records = 0
        self.nbytes = 0
        self.releases = 0

    def add(self, records: int, nbytes: int) -> None:
        """Count what was fetched."""
        self.records += records
        self.nbytes += nbytes

    def remove(self, records: int, nbytes: int) -> None:
        """Stop counting what was committed or given up."""
        self.records -= records
        self.nbytes -= nbytes
        self.releases += 1

    def room(self) -> Room | None:
        """What may be fetched now; None when a bound is reached."""
        records, nbytes = self.max_records - self.records, self.max_bytes - self.nbytes
        return Room(records, nbytes, not self.records) if records > 0 and nbytes > 0 else None

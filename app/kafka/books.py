"""What was fetched and is not committed yet, of each partition that is open."""

from collections.abc import Sequence
from typing import Any

from faust.types import TP

from app.kafka.chunk import Chunk
from app.kafka.fetched import size_of
from app.kafka.in_flight import InFlight
from app.kafka.pace import Pace
from app.kafka.watermark import Watermark
from app.progress import Progress


class Books:
    """Keeps the watermarks, and the counts that follow from them, in agreement.

    Args:
        in_flight: counts what is not committed.
        pace: counts what is not done with.
        progress: is told when something moves.

    Attributes:
        watermarks: of the open partitions.
    """

    def __init__(self, in_flight: InFlight, pace: Pace, progress: Progress) -> None:
        self.watermarks: dict[TP, Watermark] = {}
        self._in_flight = in_flight
        self._pace = pace
        self._progress = progress

    def open(self, tp: TP, position: int, epoch: int) -> None:
        """Expect chunks of a partition from *position* on, which bear *epoch*."""
        self.watermarks[tp] = Watermark(position, epoch)

    def close(self, tp: TP) -> None:
        """Forget a partition and all that is in flight for it."""
        if (watermark := self.watermarks.pop(tp, None)) is not None:
            self._pace.ended(watermark.unacknowledged)
            self._in_flight.remove(watermark.records, watermark.nbytes)

    def is_current(self, chunk: Chunk) -> bool:
        """Whether *chunk* was fetched since its partition was opened last."""
        watermark = self.watermarks.get(TP(*chunk.tp))
        return watermark is not None and watermark.epoch == chunk.epoch

    def take(self, chunk: Chunk) -> bool:
        """Count a chunk that was fetched; False for one that is not current, which does not count.

        Raises:
            ChunkLost: it does not begin where the one before it ended.
        """
        if not self.is_current(chunk):
            return False
        self.watermarks[TP(*chunk.tp)].fetched(chunk)
        self._in_flight.add(len(chunk), chunk.nbytes)
        self._pace.began(len(chunk))
        self._progress.moved()
        return True

    def acknowledge(self, chunk: Chunk) -> bool:
        """Mark a chunk as done; returns whether it is current, so that this makes a difference."""
        chunk.acknowledged = True
        if not self.is_current(chunk):
            return False
        self._pace.ended(len(chunk))
        return True

    def leave_out(self, chunk: Chunk, kept: Sequence[Any]) -> None:
        """Of a chunk that was taken, only the records *kept* still take room; the others need no work."""
        left = len(chunk) - len(kept)
        nbytes = chunk.nbytes - sum(map(size_of, kept))
        chunk[:] = kept
        chunk.nbytes -= nbytes
        if self.is_current(chunk):
            self._in_flight.remove(left, nbytes)
            self._pace.ended(left)

    def settle(self, tp: TP, offset: int) -> None:
        """Everything of an open partition is committed below *offset*."""
        self._in_flight.remove(*self.watermarks[tp].committed(offset))
        self._pace.changed()
        self._progress.moved()

    @property
    def has_committable(self) -> bool:
        """Whether anything is done and not committed."""
        return any(watermark.committable() is not None for watermark in self.watermarks.values())

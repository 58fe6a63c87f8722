"""How far each partition is done: the unbroken run of acknowledged chunks."""

from collections import deque

from app.errors import ChunkLost
from app.kafka.chunk import Chunk

# What Kafka says of a record whose producer gave no timestamp.
NO_TIMESTAMP = -1


class Watermark:
    """The fetched and not yet committed chunks of one partition, in order.

    Args:
        position: where fetching starts.
        epoch: of the chunks that belong here.
    """

    def __init__(self, position: int, epoch: int = 0) -> None:
        self.position = position
        self.epoch = epoch
        self._chunks: deque[Chunk] = deque()

    def __len__(self) -> int:
        return len(self._chunks)

    @property
    def records(self) -> int:
        """Records fetched and not yet committed."""
        return sum(len(chunk) for chunk in self._chunks)

    @property
    def unacknowledged(self) -> int:
        """Records fetched and not yet done with."""
        return sum(len(chunk) for chunk in self._chunks if not chunk.acknowledged)

    @property
    def nbytes(self) -> int:
        """Bytes fetched and not yet committed."""
        return sum(chunk.nbytes for chunk in self._chunks)

    @property
    def oldest_timestamp(self) -> int | None:
        """Kafka timestamp, in milliseconds, of the oldest record fetched and not committed; None when it bears none."""
        timestamp = next((int(chunk[0].timestamp) for chunk in self._chunks if chunk), NO_TIMESTAMP)
        return None if timestamp == NO_TIMESTAMP else timestamp

    def joins(self, chunk: Chunk) -> bool:
        """Whether *chunk* begins where the one before it ended."""
        return chunk.start == self.position

    def skip_to(self, offset: int) -> None:
        """Expect the next chunk to begin at *offset*: what lies before it and was not fetched is gone."""
        self.position = offset

    def fetched(self, chunk: Chunk) -> None:
        """Take note of a chunk.

        Raises:
            ChunkLost: it does not begin where the one before it ended, so records in between were never seen.
        """
        if not self.joins(chunk):
            raise ChunkLost(
                f"{chunk.tp.topic}[{chunk.tp.partition}]: fetched offset {chunk.start}, but {self.position} is next. "
                "The records in between were lost inside the worker; the next one reads them again."
            )
        self.position = chunk.end
        self._chunks.append(chunk)

    def committable(self) -> int | None:
        """The offset up to which everything is acknowledged; None when nothing new is."""
        end = None
        for chunk in self._chunks:
            if not chunk.acknowledged:
                break
            end = chunk.end
        return end

    def committed(self, offset: int) -> tuple[int, int]:
        """Forget what lies below a committed *offset*; returns the records and bytes that it frees."""
        records = nbytes = 0
        while self._chunks and self._chunks[0].end <= offset:
            chunk = self._chunks.popleft()
            records += len(chunk)
            nbytes += chunk.nbytes
        return records, nbytes

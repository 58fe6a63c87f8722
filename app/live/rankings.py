"""The newest rankings, as the page shows them."""

from collections import deque
from collections.abc import Sequence

from app.live.message import Cell, Ranking, Standing
from app.live.newest import Published
from app.live.reader import Read, Reader
from app.live.standings import Standings

MOST = 16
ENTRIES = 5
# Of records and rankings together; what is longer is not read, so that one look takes a millisecond or so.
BYTES_AT_ONCE = 256 * 1024


class Rankings:
    """Keeps what was read of the newest rankings, apart from those of groups.

    Args:
        reader: reads them.
        shows_records: whether anything of their values is told; otherwise how many entries each has.
        reads_records: whether the records that they answer are looked at too.
    """

    def __init__(self, reader: Reader, *, shows_records: bool, reads_records: bool) -> None:
        self._reader = reader
        self._shows = shows_records
        self._reads_records = shows_records and reads_records
        self._newest: deque[Ranking] = deque(maxlen=MOST)
        self._standings = Standings()

    def clear(self) -> None:
        """Forget all."""
        self._newest.clear()
        self._standings.clear()

    def note(self, published: Sequence[Published]) -> None:
        """Read what was published, the oldest first, as far as `BYTES_AT_ONCE` goes for the newest."""
        left, few = BYTES_AT_ONCE, []
        for each in reversed(published):
            left -= len(each.ranking or b"") + len(each.record or b"") * self._reads_records
            few.append((each, left >= 0))
        for each, may_be_read in reversed(few):
            self._note(each, may_be_read)

    @property
    def newest(self) -> list[Ranking]:
        """Rankings of single records, newest first."""
        return list(reversed(self._newest))

    @property
    def standings(self) -> list[Standing]:
        """The newest ranking of each group, by the group's name."""
        return self._standings.all

    def _note(self, published: Published, may_be_read: bool) -> None:
        member, order, fields = None, None, tuple[Cell, ...]()
        if self._reads_records and may_be_read:
            member, order, fields = self._reader.record(published.record)
        if published.ranking is None:
            return
        read = self._reader.ranking(published.ranking) if may_be_read else None
        if self._shows and read is not None and read.group is not None:
            self._standings.note(read, published.at, order, member, fields)
        else:
            self._newest.append(self._single(published, read, fields))

    def _single(self, published: Published, read: Read | None, fields: tuple[Cell, ...]) -> Ranking:
        place = f"{published.tp.topic}[{published.tp.partition}]@{published.offset}"
        if read is None or not self._shows:
            return Ranking(place, published.at, None if read is None else len(read.entries))
        entries = read.entries[:ENTRIES]
        return Ranking(place, published.at, len(read.entries), read.id, read.version, entries, fields)

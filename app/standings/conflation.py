"""Of the records of one partition that wait to be scored, keep the newest of each member."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import attrgetter, itemgetter
from time import time
from typing import Any, NamedTuple, Protocol

from app.codecs.member_reader import Glance, Order, Whose
from app.freshness import DEADLINE
from app.kafka.chunk import Chunk
from app.records import Incoming

Acknowledge = Callable[[Chunk], Any]
Launch = Callable[[Chunk, Acknowledge, dict[int, list[int]]], None]

# One is published while the next is scored; what comes meanwhile waits, and is conflated.
ROUNDS_AT_ONCE = 2
# Where this much more is waiting in the topic, it is waited for while that spares work.
MANY = 256
LEAST_HOLD_SECONDS = 0.5
# By the time that a producer wrote, so that where old records are sent anew all rounds are held that long.
MOST_HOLD_SECONDS = 5.0
_SHARE_OF_AGE = 0.1
# Records that are left out in one round. Beyond, all are kept, so that fetching is held back by what is in flight, and
# so that the header that names them stays far smaller than what a topic takes.
MOST_LEFT_OUT = 20_000


class Reader(Protocol):
    """Who says whose records are."""

    def glance(self, records: Sequence[Incoming]) -> Glance:
        """Whose they are, where that is plain at a glance."""

    def takes(self, record: Incoming) -> bool:
        """Whether it can be scored."""


_HEADERS, _NAME = attrgetter("headers"), itemgetter(0)


class _Newest(NamedTuple):
    """The newest record of a member that waits: its offset, its place in time, and the chunk that it came with."""

    offset: int
    order: Order
    chunk: Chunk


def longest_hold_seconds(written_ms: int, now_ms: float, *, most: float) -> float:
    """How long a round may wait for more, by when the last record before the wait was written; since the epoch.

    A tenth of its age, within bounds: far behind, a ranking that is a tenth older is hardly worse, and each that is
    not made brings the newest one nearer. -1: not known.
    """
    age_seconds = (now_ms - written_ms) / 1000 if written_ms >= 0 else 0.0
    return min(max(LEAST_HOLD_SECONDS, _SHARE_OF_AGE * age_seconds), most)


class Conflation:
    """Merges chunks that wait into rounds; a record that a newer one of its member overtakes is left out.

    A round spans the chunks that it was made of, so that what was left out is committed together with the rankings that
    stand for it, and never before. A record takes the place of others only if it can be read.

    Args:
        reader: tells who reads records now.
        launch: called with a round, how to acknowledge it, and by offset what each of its records stands for.
        leave_out: told of a chunk and the records of it that are kept, so that what is left out takes no room.
        whole_until: chunks that begin before this offset are passed on as they are.
        most_hold_seconds: the longest that a round is held.
    """

    def __init__(
        self,
        reader: Callable[[], Reader],
        launch: Launch,
        leave_out: Callable[[Chunk, Sequence[Incoming]], None],
        *,
        whole_until: int = 0,
        most_hold_seconds: float = MOST_HOLD_SECONDS,
    ) -> None:
        self._reader = reader
        self._launch = launch
        self._leave_out = leave_out
        self._whole_until = whole_until
        self._most_hold_seconds = most_hold_seconds
        self._parts: list[tuple[Chunk, Acknowledge]] = []
        self._waiting: dict[int, Any] = {}
        self._newest: dict[Whose | None, _Newest] = {}
        self._overtaken: dict[int, list[int]] = {}
        self._absorbed = 0
        self._left_out = 0
        self._rounds = 0
        self._timer: asyncio.TimerHandle | None = None
        self._held_enough = False
        self._closed = False

    def offer(self, chunk: Chunk, acknowledge: Acknowledge) -> None:
        """Take the next chunk; *acknowledge* is called with it once its round is confirmed."""
        if chunk.start < self._whole_until:
            self._launch(chunk, acknowledge, {})
            return
        self._parts.append((chunk, acknowledge))
        self._absorbed += len(chunk)
        self._absorb(chunk)
        spares = 2 * len(self._waiting) <= self._absorbed and self._left_out < MOST_LEFT_OUT
        if not spares or chunk.waiting < MANY or self._held_enough:
            self.go_on()
        elif self._timer is None:
            # The last record of a chunk is never left out with it.
            written = chunk[-1].timestamp if chunk else -1
            seconds = longest_hold_seconds(written, time() * 1000, most=self._most_hold_seconds)
            self._timer = asyncio.get_running_loop().call_later(seconds, self.go_on)

    def close(self) -> None:
        """Forget what waits."""
        self._closed = True
        self._clear()

    def go_on(self) -> None:
        """Launch what waits, if anything, as soon as there are few enough rounds in the works."""
        if not self._parts:
            return
        self._hold_no_longer()
        self._held_enough = True
        if self._rounds < ROUNDS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Launch what waits, and wait for nothing more."""
        if not self._parts:
            return
        parts, overtaken = self._parts, self._overtaken
        (first, _), (last, _) = parts[0], parts[-1]
        merged = Chunk(
            self._waiting.values(),
            tp=first.tp,
            start=first.start,
            end=last.end,
            nbytes=sum(chunk.nbytes for chunk, _ in parts),
            epoch=first.epoch,
        )
        self._clear()
        self._rounds += 1
        self._launch(merged, lambda _: self._done(parts), overtaken)

    def _hold_no_longer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _clear(self) -> None:
        self._hold_no_longer()
        self._parts, self._waiting, self._newest, self._overtaken = [], {}, {}, {}
        self._absorbed = self._left_out = 0
        self._held_enough = False

    def _done(self, parts: Iterable[tuple[Chunk, Acknowledge]]) -> None:
        self._rounds -= 1
        for chunk, acknowledge in parts:
            acknowledge(chunk)
        if self._timer is None and not self._closed:
            self.go_on()

    def _absorb(self, chunk: Chunk) -> None:
        gone = {} if self._left_out >= MOST_LEFT_OUT else self._gone(chunk)
        self._waiting.update((record.offset, record) for record in chunk if record.offset not in gone)
        for part in set(gone.values()):
            self._leave_out(part, [record for record in part if record.offset not in gone])

    def _gone(self, chunk: Chunk) -> dict[int, Chunk]:
        """Let the newest record of each member stand for the others; returns the offsets of these, and their chunks."""
        glance = self._reader().glance(chunk)
        if DEADLINE in map(_NAME, chain.from_iterable(map(_HEADERS, chunk))):
            # Each may be late by itself, although those before it are not: it stands for nobody, and is not held.
            self._held_enough = True
            for place, record in enumerate(chunk):
                if DEADLINE in map(_NAME, record.headers):
                    glance.whose[place] = None
        gone: dict[int, Chunk] = {}
        start = 0
        for tombstone in [place for place, record in enumerate(chunk) if record.value is None]:
            gone |= self._overtaken_in(chunk, range(start, tombstone), glance)
            # It ends a group: what comes after it stands for nothing that was before.
            self._newest.clear()
            start = tombstone + 1
        return gone | self._overtaken_in(chunk, range(start, len(chunk)), glance)

    def _overtaken_in(self, chunk: Chunk, span: range, glance: Glance) -> dict[int, Chunk]:
        takes = self._reader().takes
        by_member: defaultdict[Whose | None, list[int]] = defaultdict(list)
        for place in span:
            by_member[glance.whose[place]].append(place)
        by_member.pop(None, None)
        gone: dict[int, Chunk] = {}
        for whose, places in by_member.items():
            newest = self._newest.get(whose)
            in_time = places if glance.orders is None else _in_time(places, glance.orders, newest and newest.order)
            # The very first stands for nobody, so it need not be one that can be read.
            unread = 1 if newest is None else 0
            last = len(in_time) - 1
            while last >= unread and not takes(chunk[in_time[last]]):
                last -= 1
            if last < 0:
                continue
            overtaken = [chunk[place].offset for place in in_time[:last]]
            gone.update(dict.fromkeys(overtaken, chunk))
            if newest is not None:
                del self._waiting[newest.offset]
                gone[newest.offset] = newest.chunk
                overtaken = [*self._overtaken.pop(newest.offset, ()), newest.offset, *overtaken]
            offset = chunk[in_time[last]].offset
            if overtaken:
                self._overtaken[offset] = overtaken
            order = None if glance.orders is None else glance.orders[in_time[last]]
            self._newest[whose] = _Newest(offset, order, chunk)
        self._left_out += len(gone)
        return gone


def _in_time(places: list[int], orders: Sequence[Any], newest: Order) -> list[int]:
    """Return those *places* whose records do not go back in time."""
    times = [orders[place] for place in places]
    if (newest is None or newest <= times[0]) and times == sorted(times):
        return places
    line = []
    for place, its_time in zip(places, times, strict=True):
        if newest is None or newest <= its_time:
            newest = its_time
            line.append(place)
    return line

"""Of the records of one partition that wait to be scored, keep the newest of each member."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from app.codecs.member_reader import Name, Order, Peek
from app.freshness import DEADLINE
from app.kafka.chunk import Chunk
from app.records import Incoming

Acknowledge = Callable[[Chunk], Any]
Launch = Callable[[Chunk, Acknowledge, dict[int, list[int]]], None]

# One is published while the next is scored; what comes meanwhile waits, and is conflated.
ROUNDS_AT_ONCE = 2
# Where this much more is waiting in the topic, it is waited for while that spares work, so long at most.
MANY = 256
HOLD_SECONDS = 0.5
# Records that are left out in one round. Beyond, all are kept, so that fetching is held back by what is in flight, and
# so that the header that names them stays far smaller than what a topic takes.
MOST_LEFT_OUT = 20_000


class Reader(Protocol):
    """Who says whose records are."""

    def peeks(self, records: Sequence[Incoming]) -> Sequence[Peek | None]:
        """Whose they are, where that is plain at a glance."""

    def takes(self, record: Incoming) -> bool:
        """Whether it can be scored."""


# The offset of a record, its place in time, the record, and the chunk that it came with.
_Waiting = tuple[int, Order, Any, Chunk]


class Conflation:
    """Merges chunks that wait into rounds; a record that a newer one of its member overtakes is left out.

    A round spans the chunks that it was made of, so that what was left out is committed together with the rankings that
    stand for it, and never before. A record takes the place of others only if it can be read.

    Args:
        reader: tells who reads records now.
        launch: called with a round, how to acknowledge it, and by offset what each of its records stands for.
        leave_out: told of a chunk and the records of it that are kept, so that what is left out takes no room.
        whole_until: chunks that begin before this offset are passed on as they are.
    """

    def __init__(
        self,
        reader: Callable[[], Reader],
        launch: Launch,
        leave_out: Callable[[Chunk, Sequence[Incoming]], None],
        *,
        whole_until: int = 0,
    ) -> None:
        self._reader = reader
        self._launch = launch
        self._leave_out = leave_out
        self._whole_until = whole_until
        self._parts: list[tuple[Chunk, Acknowledge]] = []
        self._waiting: dict[int, Any] = {}
        self._newest: dict[tuple[Name, Name], _Waiting] = {}
        self._overtaken: dict[int, list[int]] = {}
        self._absorbed = 0
        self._left_out = 0
        self._rounds = 0
        self._timer: asyncio.TimerHandle | None = None
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
        if spares and chunk.waiting >= MANY:
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(HOLD_SECONDS, self._next)
        else:
            self._next()

    def close(self) -> None:
        """Forget what waits."""
        self._closed = True
        self._clear()

    def _next(self) -> None:
        self._hold_no_longer()
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

    def _done(self, parts: Iterable[tuple[Chunk, Acknowledge]]) -> None:
        self._rounds -= 1
        for chunk, acknowledge in parts:
            acknowledge(chunk)
        if self._timer is None and not self._closed:
            self._next()

    def _absorb(self, chunk: Chunk) -> None:
        offsets = [record.offset for record in chunk]
        self._waiting.update(zip(offsets, chunk, strict=True))
        if self._left_out >= MOST_LEFT_OUT:
            return
        # Each may be late by itself, although those before it are not: it stands for nobody.
        dated = {record.offset for record in chunk for name, _ in record.headers if name == DEADLINE}
        chains: dict[tuple[Name, Name], list[_Waiting]] = {}
        touched: set[Chunk] = set()
        for offset, record, seen in zip(offsets, chunk, self._reader().peeks(chunk), strict=True):
            if seen is None:
                if record.value is None:
                    # It ends a group: what comes after it stands for nothing that was before.
                    touched |= self._settle(chains)
                    chains.clear()
                    self._newest.clear()
            elif offset not in dated:
                group, member, order = seen
                who = group, member
                if (chain := chains.get(who)) is None:
                    newest = self._newest.get(who)
                    chain = chains[who] = [] if newest is None else [newest]
                if not (chain and _goes_back(order, chain[-1][1])):
                    chain.append((offset, order, record, chunk))
        touched |= self._settle(chains)
        for part in touched:
            self._leave_out(part, [record for record in part if record.offset in self._waiting])

    def _settle(self, chains: dict[tuple[Name, Name], list[_Waiting]]) -> set[Chunk]:
        """Let the newest record of each chain stand for the others of it; returns the chunks that these belong to."""
        takes = self._reader().takes
        touched: set[Chunk] = set()
        for who, chain in chains.items():
            place = len(chain) - 1
            while place > 0 and not takes(chain[place][2]):
                place -= 1
            self._newest[who] = chain[place]
            if place:
                overtaken = [offset for offset, _, _, _ in chain[:place]]
                for offset in overtaken:
                    del self._waiting[offset]
                # Only the first may have come with an earlier chunk, and stood for others until now.
                touched |= {chain[0][3], chain[place][3]}
                self._overtaken[chain[place][0]] = self._overtaken.pop(overtaken[0], []) + overtaken
                self._left_out += place
        return touched


def _goes_back(order: Order, newest: Order) -> bool:
    return order is not None and newest is not None and order < newest

"""Write records when they are due."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from app.records import Outgoing
from app.replay.recorded import Recorded

PATIENCE_SECONDS = 60.0
# Records that are due within this go together; and no more than so many.
_TOGETHER_SECONDS = 0.002
_MOST = 500


class Pace(Protocol):
    """When records are due."""

    def due(self, recorded: Recorded) -> float:
        """So many seconds after the first one; records come in the order in which they are due."""


class AsItWas:
    """As far apart as their times, divided by a speed. A record without a time goes with the one before it."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._first: float | None = None
        self._last = 0.0

    def due(self, recorded: Recorded) -> float:
        """So many seconds after the first one."""
        if recorded.at_ms is not None:
            self._first = recorded.at_ms if self._first is None else self._first
            self._last = max(self._last, (recorded.at_ms - self._first) / 1000 / self._speed)
        return self._last


class Steady:
    """So many a second; None: as many as go."""

    def __init__(self, rate: float | None) -> None:
        self._between = 0.0 if rate is None else 1 / rate
        self._next = -self._between

    def due(self, recorded: Recorded) -> float:
        """So many seconds after the first one."""
        self._next += self._between
        return self._next


class Publish(Protocol):
    """Where records go."""

    async def __call__(self, source: int | None, records: list[Outgoing]) -> int:
        """Write records that were in partition *source*, and return how many the broker refuses."""


@dataclass(slots=True)
class Fed:
    """What became of records.

    Attributes:
        written: how many are in the topic.
        refused: how many the broker refuses.
        late_seconds: by how much the last one came late.
    """

    written: int = 0
    refused: int = 0
    late_seconds: float = 0.0


class Feeder:
    """Writes records when they are due.

    Args:
        publish: where they go.
        stop: ends it when it is set.
        moved: told now and then how far it is.
        patience_seconds: how long brokers may take to confirm what goes together.
        clock: tells seconds.

    Attributes:
        fed: what became of them.
    """

    def __init__(
        self,
        publish: Publish,
        stop: asyncio.Event,
        *,
        moved: Callable[[Fed], None],
        patience_seconds: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.fed = Fed()
        self._publish = publish
        self._stop = stop
        self._moved = moved
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._together: list[Recorded] = []
        self._due = 0.0

    async def run(self, found: AsyncGenerator[Recorded, None], pace: Pace) -> None:
        """Write what is *found* when it is due by *pace*, until there is nothing left or it is stopped.

        Raises:
            ServiceError: what publishing raises.
            TimeoutError: no broker has confirmed anything for `patience_seconds`.
            Exception: what *found* raises, after all that came before is written.
        """
        began = self._clock()
        stopped = asyncio.ensure_future(self._stop.wait())
        following = asyncio.ensure_future(_next(found))
        try:
            while not stopped.done():
                # Whoever is due is not kept waiting for the next one, which may be long in coming.
                wait = max(0.0, self._due - self._clock()) if self._together else None
                await asyncio.wait([following, stopped], timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                recorded = following.result() if following.done() and following.exception() is None else None
                if recorded is not None:
                    await self._take(recorded, began + pace.due(recorded), stopped)
                    following = asyncio.ensure_future(_next(found))
                elif self._together:
                    await self._write(stopped)
                elif following.done():
                    following.result()
                    return
        finally:
            stopped.cancel()
            following.cancel()
            await asyncio.wait([following])  # or the generator would be closed while it runs

    async def _take(self, recorded: Recorded, due: float, stopped: "asyncio.Future[Literal[True]]") -> None:
        if self._together and (due > self._due + _TOGETHER_SECONDS or len(self._together) >= _MOST):
            await self._write(stopped)
        if not self._together:
            self._due = due
        self._together.append(recorded)

    async def _write(self, stopped: "asyncio.Future[Literal[True]]") -> None:
        """Write what goes together when that is due, unless stopped before."""
        if (early := self._due - self._clock()) > 0:
            await asyncio.wait([stopped], timeout=early)
        together, self._together = self._together, []
        if stopped.done():
            return
        self.fed.late_seconds = max(0.0, self._clock() - self._due)
        by_source: dict[int | None, list[Outgoing]] = defaultdict(list)
        for recorded in together:
            by_source[recorded.partition].append(recorded.record)
        writing: asyncio.Future[list[int]] = asyncio.gather(
            *(self._publish(source, records) for source, records in by_source.items())
        )
        try:
            async with asyncio.timeout(self._patience_seconds):
                waits: list[asyncio.Future[Any]] = [writing, stopped]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if not writing.done():
                return  # whoever stops it does not wait for a broker that may never come back
            refused = sum(writing.result())
        except TimeoutError as error:
            raise TimeoutError(f"no broker has confirmed a record for {self._patience_seconds:.0f} s") from error
        finally:
            writing.cancel()
        self.fed.refused += refused
        self.fed.written += len(together) - refused
        self._moved(self.fed)


async def _next(found: AsyncGenerator[Recorded, None]) -> Recorded | None:
    return await anext(found, None)

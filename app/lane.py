"""The chunks of one partition on their way out, strictly in order."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import RejectedRecord
from app.kafka.chunk import Chunk

Outcome = bytes | RejectedRecord
"""What became of one record: the value to publish, or why it was refused."""

# Most chunks published in one go: enough for whole record batches, short enough not to hold up the event loop.
CHUNKS_AT_ONCE = 4


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """A chunk whose outcomes are being computed.

    Attributes:
        chunk: the records.
        outcomes: one per record, in the same order.
        acknowledge: to be called with the chunk once all outcomes are confirmed by the broker.
    """

    chunk: Chunk
    outcomes: "asyncio.Task[list[Outcome]]"
    acknowledge: Callable[[Chunk], Any]


class Lane:
    """Publish the work of one partition in the order in which it was put, and acknowledge it after its confirmation.

    Args:
        publish: publishes the outcomes of consecutive work and returns when the broker has confirmed all of them.
        on_failure: told once when anything fails; nothing is acknowledged from then on.
    """

    def __init__(
        self, publish: Callable[[Sequence[Work]], Awaitable[None]], on_failure: Callable[[BaseException], None]
    ) -> None:
        self._publish = publish
        self._work: deque[Work] = deque()
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(lambda task: _report(task, on_failure))

    def put(self, work: Work) -> None:
        """Append work; it is published after all that was put before."""
        self._work.append(work)
        self._idle.clear()
        self._arrived.set()

    @property
    def is_idle(self) -> bool:
        """Whether everything that was put is confirmed and acknowledged."""
        return self._idle.is_set()

    async def drain(self) -> None:
        """Wait until everything that was put is confirmed and acknowledged, or the lane has failed."""
        idle = asyncio.ensure_future(self._idle.wait())
        try:
            await asyncio.wait([idle, self._task], return_when=asyncio.FIRST_COMPLETED)
        finally:
            idle.cancel()

    async def close(self) -> None:
        """Drop what is left, unacknowledged."""
        self._task.cancel()
        for work in self._work:
            work.outcomes.cancel()
        await asyncio.gather(self._task, *(work.outcomes for work in self._work), return_exceptions=True)
        self._work.clear()

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._work:
                ready = await self._next()
                await self._publish(ready)
                for work in ready:
                    work.acknowledge(work.chunk)
                    self._work.popleft()
            self._idle.set()

    async def _next(self) -> list[Work]:
        """The work at the head whose outcomes are there; waits for the first."""
        await self._work[0].outcomes
        ready: list[Work] = []
        for work in self._work:
            if not work.outcomes.done() or len(ready) == CHUNKS_AT_ONCE:
                break
            work.outcomes.result()
            ready.append(work)
        return ready


def _report(task: "asyncio.Task[None]", on_failure: Callable[[BaseException], None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        on_failure(error)

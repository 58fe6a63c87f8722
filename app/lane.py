"""The chunks of one partition on their way out, strictly in order."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.errors import ServiceError
from app.kafka.chunk import Chunk
from app.kafka.producer import Producer
from app.outcome import Outcomes

if TYPE_CHECKING:
    from app.tracing.chunk import ChunkTrace

# Most chunks published in one go: enough for whole record batches, short enough not to hold up the event loop.
CHUNKS_AT_ONCE = 4


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """A chunk whose outcomes are being computed.

    Attributes:
        chunk: the records.
        outcomes: one per record, in the same order.
        acknowledge: to be called with the chunk once all outcomes are confirmed by the broker.
        overtaken: by the offset of a record, those that were superseded by it and have no outcome of their own.
        trace: the spans of its records; None: none of them is traced.
    """

    chunk: Chunk
    outcomes: "asyncio.Task[Outcomes]"
    acknowledge: Callable[[Chunk], Any]
    overtaken: dict[int, list[int]] = field(default_factory=dict)
    trace: "ChunkTrace | None" = None


class Lane:
    """Publish the work of one partition in the order in which it was put, and acknowledge it once that is final.

    Args:
        producer: the partition's way out; the lane closes it.
        publish: publishes the outcomes of consecutive work through the producer.
        on_done: told of work that is published for good; afterwards it is acknowledged.
        on_failure: told once when anything fails; nothing is acknowledged from then on.
        epoch: of the chunks that may be put here.
    """

    def __init__(
        self,
        producer: Producer,
        publish: Callable[[Producer, Sequence[Work]], Awaitable[None]],
        *,
        on_done: Callable[[Work], None],
        on_failure: Callable[[BaseException], None],
        epoch: int,
    ) -> None:
        self.producer = producer
        self.epoch = epoch
        self._publish = publish
        self._on_done = on_done
        self._work: deque[Work] = deque()
        self._published: list[Work] = []
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._on_failure = on_failure
        self._closing = False
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._task.add_done_callback(self._ended)

    def put(self, work: Work) -> None:
        """Append work; it is published after all that was put before."""
        self._work.append(work)
        self._idle.clear()
        self._arrived.set()

    @property
    def is_idle(self) -> bool:
        """Whether everything that was put is final and acknowledged."""
        return self._idle.is_set()

    async def drain(self) -> None:
        """Wait until everything that was put is final and acknowledged, or the lane has failed."""
        idle = asyncio.ensure_future(self._idle.wait())
        try:
            await asyncio.wait([idle, self._task], return_when=asyncio.FIRST_COMPLETED)
        finally:
            idle.cancel()

    async def close(self) -> None:
        """Drop what is left, unacknowledged."""
        self._closing = True
        self._task.cancel()
        for work in self._work:
            work.outcomes.cancel()
        try:
            await asyncio.gather(self._task, *(work.outcomes for work in self._work), return_exceptions=True)
        finally:
            for work in (*self._published, *self._work):
                if work.trace is not None:
                    work.trace.lost()
            # Also when whoever closes is cancelled: the broker would be kept waiting.
            self._work.clear()
            await self.producer.close()

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._work:
                ready = await self._next()
                if not self._published:
                    hold_until = clock() + self.producer.hold_seconds
                await self._publish(self.producer, ready)
                self._published += ready
                for _ in ready:
                    self._work.popleft()
                if clock() >= hold_until or not (self._work and _is_ready(self._work[0])):
                    await self._commit()
            self._idle.set()

    async def _next(self) -> list[Work]:
        """The work at the head whose outcomes are there; waits for the first."""
        await self._work[0].outcomes
        ready: list[Work] = []
        for work in self._work:
            if not _is_ready(work) or len(ready) == CHUNKS_AT_ONCE:
                break
            ready.append(work)
        return ready

    async def _commit(self) -> None:
        """Make final what was published since the last time, and acknowledge it."""
        await self.producer.commit(self._published[-1].chunk.end)
        for work in self._published:
            self._on_done(work)
            work.acknowledge(work.chunk)
        self._published.clear()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(error)
        elif not self._closing:
            self._on_failure(ServiceError("a partition's lane was cancelled by somebody else"))


def _is_ready(work: Work) -> bool:
    return work.outcomes.done() and not work.outcomes.cancelled() and work.outcomes.exception() is None

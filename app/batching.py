"""Group rows of many submitters into batches that a model runs at once.

The batcher is continuous: a free slot takes what is waiting at once, and a row waits for company only when a delay is
asked for. It knows neither Kafka nor TensorFlow: a *block* is whatever the submitter and the runner agree on.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeAlias, TypeVar

from app.limit import BatchLimit
from app.target import LatencyTarget, Queue

B = TypeVar("B")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Slice(Generic[B]):
    """Rows `start` to `stop` (exclusive) of a submitted block."""

    block: B
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Part(Generic[R]):
    """What the runner said about rows `start` to `stop` (exclusive) of a block."""

    start: int
    stop: int
    result: R


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One batch as it left for the runner.

    Attributes:
        rows: how many.
        waited_seconds: how long its oldest row had waited.
        reason: why it left as it is: it was `full`, as large as the latency `target` wanted it, the `delay` had passed,
            or there was no more, and a slot was `free`.
    """

    rows: int
    waited_seconds: float
    reason: Literal["full", "target", "delay", "free"]


@dataclass(slots=True, eq=False)
class _Submission(Generic[B, R]):
    """A block on its way: how many of its rows were taken, and what came back so far."""

    block: B
    rows: int
    nbytes: int
    key: Hashable
    done: "asyncio.Future[list[Part[R]]]"
    arrived: float = 0.0
    taken: int = 0
    answered: int = 0
    parts: list[Part[R]] = field(default_factory=list)

    def take(self, most: int) -> Slice[B]:
        start = self.taken
        self.taken = min(self.rows, start + most)
        return Slice(self.block, start, self.taken)

    def answer(self, rows: Slice[B], result: R) -> None:
        self.parts.append(Part(rows.start, rows.stop, result))
        self.answered += len(rows)
        if self.answered == self.rows and not self.done.done():
            self.done.set_result(sorted(self.parts, key=lambda part: part.start))

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


_Batch: TypeAlias = list[tuple[_Submission[B, R], Slice[B]]]


class Batcher(Generic[B, R]):
    """Merge blocks of rows into batches and run them, at most so many at once.

    Rows leave in the order in which they came, except that only rows of equal `key` share a batch: the oldest waiting
    block decides the key of the next one. A block larger than a batch is split; its answers come back together.

    Args:
        run: called with the slices of one batch, in order; returns one result per slice.
        limit: most rows in one batch, at the moment.
        max_in_flight: most batches in *run* at once.
        max_delay_seconds: longest the oldest row waits for company; 0 never waits.
        max_rows: rows waiting and running, at most. A block that is larger by itself passes when nothing else is there.
        max_bytes: the same for bytes.
        target: chooses smaller batches than *limit* for the sake of latency.
        ordinary: tells by a batch's results whether all of its rows went through in one go, so that its time says how
            long so many rows take.
        on_dispatch: told of every batch as it leaves.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Slice[B]]], Awaitable[Sequence[R]]],
        *,
        limit: BatchLimit,
        max_in_flight: int,
        max_delay_seconds: float = 0.0,
        max_rows: int,
        max_bytes: int,
        target: LatencyTarget | None = None,
        ordinary: Callable[[Sequence[R]], bool] = lambda _: True,
        on_dispatch: Callable[[Dispatch], None] = lambda _: None,
    ) -> None:
        self._run = run
        self._limit = limit
        self._max_in_flight = max_in_flight
        self._max_delay = max_delay_seconds
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._target = target
        self._ordinary = ordinary
        self._on_dispatch = on_dispatch
        self._waiting: deque[_Submission[B, R]] = deque()
        self._waiting_rows = 0
        self._rows = 0
        self._bytes = 0
        self._running: dict[asyncio.Task[None], _Batch[B, R]] = {}
        self._outside: deque[_Submission[B, R]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._dispatching = False

    @property
    def rows(self) -> int:
        """Rows admitted whose block is not answered yet."""
        return self._rows

    @property
    def bytes(self) -> int:
        """Bytes admitted whose block is not answered yet."""
        return self._bytes

    @property
    def in_flight(self) -> int:
        """Batches running."""
        return len(self._running)

    async def submit(self, block: B, *, rows: int, nbytes: int, key: Hashable = None) -> list[Part[R]]:
        """Run the rows of *block* in one or more batches and return what the runner said of each part, in row order.

        Waits while the batcher is full, first come, first served. A cancelled caller takes its waiting rows with it;
        those that already run, run on with the others of their batch, or are cancelled when nobody wants any of it.

        Args:
            block: handed to the runner as it is.
            rows: how many rows it has, at least 1.
            nbytes: what it weighs.
            key: blocks with other keys never share a batch.

        Raises:
            Exception: whatever the runner raised for a batch that held rows of this block.
        """
        done: asyncio.Future[list[Part[R]]] = asyncio.get_running_loop().create_future()
        submission: _Submission[B, R] = _Submission(block, rows, nbytes, key, done)
        self._outside.append(submission)
        self._admit()
        try:
            return await done
        finally:
            self._leave(submission)

    def _admit(self) -> None:
        while self._outside and self._fits(self._outside[0]):
            submission = self._outside.popleft()
            submission.arrived = asyncio.get_running_loop().time()
            self._rows += submission.rows
            self._bytes += submission.nbytes
            self._waiting.append(submission)
            self._waiting_rows += submission.rows
            self._dispatch_soon()

    def _fits(self, submission: _Submission[B, R]) -> bool:
        rows, nbytes = self._rows + submission.rows, self._bytes + submission.nbytes
        return not self._rows or (rows <= self._max_rows and nbytes <= self._max_bytes)

    def _leave(self, submission: _Submission[B, R]) -> None:
        if submission in self._outside:
            self._outside.remove(submission)
        else:
            self._rows -= submission.rows
            self._bytes -= submission.nbytes
            self._withdraw(submission)
        self._admit()

    def _withdraw(self, submission: _Submission[B, R]) -> None:
        if submission.taken < submission.rows:
            self._waiting.remove(submission)
            self._waiting_rows -= submission.rows - submission.taken
        if submission.answered < submission.rows:
            self._cancel_unwanted()

    def _cancel_unwanted(self) -> None:
        # Or a runner that tries again and again would do so for nobody, and keep its place from others.
        for task, batch in self._running.items():
            if all(submission.done.done() for submission, _ in batch):
                task.cancel()

    def _dispatch_soon(self) -> None:
        # Not at once: whoever submits in this same moment shares the batch.
        if not self._dispatching:
            self._dispatching = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._dispatching = False
        while self._waiting and len(self._running) < self._max_in_flight:
            delay = self._company_expected_for()
            if delay > 0:
                self._look_again_in(delay)
                return
            self._launch()

    def _company_expected_for(self) -> float:
        if not self._max_delay or self._waiting_rows >= self._limit.rows:
            return 0.0
        now = asyncio.get_running_loop().time()
        delay = self._waiting[0].arrived + self._max_delay - now
        return delay if self._target is None else min(delay, self._target.spare(self._queue(now)))

    def _queue(self, now: float) -> Queue:
        oldest, newest = self._waiting[0], self._waiting[-1]
        return Queue(
            key=oldest.key,
            rows=self._waiting_rows,
            oldest=now - oldest.arrived,
            newest=now - newest.arrived,
            running=len(self._running),
        )

    def _look_again_in(self, delay: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay, self._dispatch)

    def _launch(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        waited, key, most = now - self._waiting[0].arrived, self._waiting[0].key, self._limit.rows
        if self._target is not None:
            most = self._target.rows(self._queue(now), most)
        batch = self._next_batch(key, most)
        rows = sum(len(part) for _, part in batch)
        self._waiting_rows -= rows
        self._on_dispatch(Dispatch(rows, waited, self._reason(rows, most)))
        task = loop.create_task(self._run_batch(batch, rows))
        self._running[task] = batch
        task.add_done_callback(self._finished)

    def _reason(self, rows: int, most: int) -> Literal["full", "target", "delay", "free"]:
        if rows == self._limit.rows:
            return "full"
        if rows == most:
            return "target"
        return "delay" if self._max_delay else "free"

    def _next_batch(self, key: Hashable, room: int) -> _Batch[B, R]:
        batch: _Batch[B, R] = []
        passed_over: list[_Submission[B, R]] = []
        while self._waiting and room:
            submission = self._waiting.popleft()
            if submission.key != key:
                passed_over.append(submission)
                continue
            part = submission.take(room)
            room -= len(part)
            batch.append((submission, part))
            if submission.taken < submission.rows:
                self._waiting.appendleft(submission)
        self._waiting.extendleft(reversed(passed_over))
        return batch

    async def _run_batch(self, batch: _Batch[B, R], rows: int) -> None:
        clock, others = asyncio.get_running_loop().time, len(self._running) - 1
        began = clock()
        try:
            results = await self._run([part for _, part in batch])
            for (submission, part), result in zip(batch, results, strict=True):
                submission.answer(part, result)
        except Exception as error:
            for submission, _ in batch:
                submission.fail(error)
            return
        if self._target is not None and self._ordinary(results):
            self._target.took(batch[0][0].key, rows, others, clock() - began)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        del self._running[task]
        self._dispatch()

"""The batcher under random interleavings of submissions, completions, failures, cancellations and lack of memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.batching import Batcher, Dispatch, Slice
from app.limit import BatchLimit

TURNS = st.integers(0, 3)
PICK = st.integers(0, 9)
SETTLED = 10


class Clockwork(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when told to."""

    now = 0.0

    def time(self) -> float:
        return self.now


@dataclass(eq=False)
class Block:
    """Rows on their way, and what is known of them from outside."""

    number: int
    rows: int
    key: int
    task: "asyncio.Task[list[int]]" = field(init=False)
    dispatched: int = 0
    cancelled: bool = False
    failed: bool = False

    @property
    def values(self) -> list[int]:
        return [self.number * 1000 + row for row in range(self.rows)]


@dataclass(eq=False)
class Batch:
    """A batch in the runner, until it is told how it ends."""

    slices: Sequence[Slice[Block]]
    end: "asyncio.Future[None]"

    @property
    def blocks(self) -> list[Block]:
        return [part.block for part in self.slices]


class Interleavings(RuleBasedStateMachine):
    """One batcher on an event loop that takes as many turns as it is told, so that any two events may coincide."""

    @initialize(
        most=st.integers(1, 7),
        in_flight=st.integers(1, 3),
        delay=st.sampled_from([0.0, 1.0]),
        max_rows=st.integers(4, 16),
    )
    def begin(self, most: int, in_flight: int, delay: float, max_rows: int) -> None:
        self.loop = Clockwork()
        self.limit = BatchLimit(most, raise_seconds=0)
        self.in_flight, self.delay, self.max_rows = in_flight, delay, max_rows
        self.batcher: Batcher[Block, list[int]] = Batcher(
            self._run,
            limit=self.limit,
            max_in_flight=in_flight,
            max_delay_seconds=delay,
            max_rows=max_rows,
            max_bytes=10 * max_rows,
            on_dispatch=self._dispatched,
        )
        self.blocks: list[Block] = []
        self.running: list[Batch] = []
        self.wrong: list[str] = []
        self.last_key_number: dict[int, int] = {}

    # -- what happens

    @rule(rows=st.integers(1, 10), key=st.integers(0, 1), turns=TURNS)
    def submit(self, rows: int, key: int, turns: int) -> None:
        block = Block(len(self.blocks), rows, key)
        self.blocks.append(block)
        block.task = self.loop.create_task(self._submit(block))
        self._turn(turns)

    @rule(pick=PICK, turns=TURNS)
    def complete(self, pick: int, turns: int) -> None:
        self._end(pick, None)
        self._turn(turns)

    @rule(pick=PICK, turns=TURNS)
    def fail(self, pick: int, turns: int) -> None:
        self._end(pick, ValueError("told to fail"))
        self._turn(turns)

    @rule(pick=PICK, turns=TURNS)
    def cancel(self, pick: int, turns: int) -> None:
        if live := self._live():
            self._cancel(live[pick % len(live)])
        self._turn(turns)

    @rule(key=st.integers(0, 1), turns=TURNS)
    def revoke(self, key: int, turns: int) -> None:
        for block in self._live():
            if block.key == key:
                self._cancel(block)
        self._turn(turns)

    @rule(rows=st.integers(1, 9), turns=TURNS)
    def run_out_of_memory(self, rows: int, turns: int) -> None:
        self.limit.lower(rows)
        self._turn(turns)

    @rule()
    def regain_memory(self) -> None:
        self.limit.went_through(self.limit.rows)

    @rule(seconds=st.sampled_from([0.5, 1.0]), turns=TURNS)
    def wait(self, seconds: float, turns: int) -> None:
        self.loop.now += seconds
        self._turn(turns)

    @rule()
    def settle(self) -> None:
        self._turn(SETTLED)
        for batch in self.running:
            assert any(not block.task.done() for block in batch.blocks), "a batch runs on that nobody wants"
        if not self.delay and not self.running:
            assert self._live() == [], "rows wait though nothing runs"
        if not self.delay and len(self.running) < self.in_flight:
            for block in self._live():
                if block.dispatched < block.rows:
                    assert self.batcher.rows + block.rows > self.max_rows, "rows wait though there is a free slot"
                    break

    # -- what holds at any time

    @invariant()
    def nothing_is_wrong(self) -> None:
        assert self.wrong == []
        for block in self.blocks:
            if block.task.done():
                self._check_outcome(block)

    @invariant()
    def bounds_are_kept(self) -> None:
        assert len(self.running) <= self.in_flight
        assert self.batcher.rows <= self.max_rows or sum(b.rows == self.batcher.rows for b in self.blocks)
        assert self.batcher.bytes == 10 * self.batcher.rows

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        try:
            self._turn(SETTLED)
            while self._live():
                self.loop.now += self.delay
                self._turn(SETTLED)
                assert self.running, "rows are left and nothing runs"
                while self.running:
                    self._end(0, None)
                    self._turn(SETTLED)
            self.nothing_is_wrong()
            assert (self.batcher.rows, self.batcher.bytes, self.batcher.in_flight, self.running) == (0, 0, 0, [])
        finally:
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self._turn(SETTLED)
            self.loop.close()

    # -- how

    async def _submit(self, block: Block) -> list[int]:
        parts = await self.batcher.submit(block, rows=block.rows, nbytes=10 * block.rows, key=block.key)
        return [value for part in parts for value in part.result]

    async def _run(self, slices: Sequence[Slice[Block]]) -> list[list[int]]:
        batch = Batch(slices, self.loop.create_future())
        self.running.append(batch)
        self._check_order(batch)
        try:
            await batch.end
        except asyncio.CancelledError:
            if any(not block.task.done() and not block.cancelled and not block.failed for block in batch.blocks):
                self.wrong.append("a batch was cancelled that somebody waits for")
            raise
        except ValueError:
            for block in batch.blocks:
                block.failed = True
            raise
        finally:
            self.running.remove(batch)
        return [part.block.values[part.start : part.stop] for part in slices]

    def _check_order(self, batch: Batch) -> None:
        if len({block.key for block in batch.blocks}) != 1:
            self.wrong.append("a batch mixes keys")
        for part in batch.slices:
            if part.start != part.block.dispatched:
                self.wrong.append(f"row {part.start} left instead of row {part.block.dispatched}")
            if part.block.number < self.last_key_number.get(part.block.key, 0):
                self.wrong.append("rows of a key overtook each other")
            part.block.dispatched = part.stop
            self.last_key_number[part.block.key] = part.block.number

    def _dispatched(self, dispatch: Dispatch) -> None:
        if dispatch.rows > self.limit.rows:
            self.wrong.append(f"{dispatch.rows} rows in a batch, {self.limit.rows} allowed")
        waiting = sum(block.rows - block.dispatched for block in self._live())
        if dispatch.waited_seconds < self.delay and waiting < self.limit.rows:
            self.wrong.append(
                f"a batch left after {dispatch.waited_seconds} s, though {waiting} rows are all there are"
            )

    def _check_outcome(self, block: Block) -> None:
        if block.task.cancelled():
            assert block.cancelled, "cancelled by nobody"
        elif block.task.exception() is not None:
            assert isinstance(block.task.exception(), ValueError)
            assert block.failed, "failed though none of its batches did"
        else:
            assert block.task.result() == block.values

    def _live(self) -> list[Block]:
        return [block for block in self.blocks if not block.task.done()]

    def _end(self, pick: int, error: Exception | None) -> None:
        running = [batch for batch in self.running if not batch.end.done()]
        if not running:
            return
        batch = running[pick % len(running)]
        if error is None:
            batch.end.set_result(None)
        else:
            batch.end.set_exception(error)

    def _cancel(self, block: Block) -> None:
        block.cancelled = True
        block.task.cancel()

    def _turn(self, turns: int) -> None:
        async def pass_by() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        if turns:
            self.loop.run_until_complete(pass_by())


Interleavings.TestCase.settings = settings(max_examples=2000, stateful_step_count=30, deadline=None)
TestWhateverComesFirst = Interleavings.TestCase

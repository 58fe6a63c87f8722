"""Time as on a machine of our own: an event loop and a core for the model whose clock is the CPU time that they take.

What others do on the machine delays nothing: waiting is skipped, being preempted is not counted. The loop and the
model run one after the other, and count as if each had a core.
"""

import asyncio
import selectors
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class _Skipping(selectors.DefaultSelector):
    loop: "OwnTime"

    def select(self, timeout: float | None = None) -> Any:
        events = super().select(0 if timeout is not None else None)
        if not events and timeout is not None:
            self.loop.skip(timeout)
        return events


class OwnTime(asyncio.SelectorEventLoop):
    """An event loop on the time that this process has computed, less what the model's core did, plus what was idle."""

    def __init__(self) -> None:
        self._shift = -time.process_time()
        skipping = _Skipping()
        skipping.loop = self
        super().__init__(skipping)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return time.process_time() + self._shift

    def skip(self, seconds: float) -> None:
        """Let *seconds* pass; fewer than none: take them back."""
        self._shift += seconds


class Core(Executor):
    """Runs one call after the other on a core of its own; its threads must not wait for those of others."""

    def __init__(self, loop: OwnTime) -> None:
        self._loop = loop
        self._free_at = 0.0

    def submit(self, call: Callable[..., T], /, *args: Any, **options: Any) -> "Future[T]":
        """Return what comes of *call*, at the time at which it would have ended there."""
        loop, answer = self._loop, Future[T]()
        begins, before = max(self._free_at, loop.time()), time.process_time()
        end = _outcome(answer, call, *args, **options)
        took = time.process_time() - before
        loop.skip(-took)
        self._free_at = begins + took
        loop.call_at(self._free_at, end)
        return answer


def _outcome(answer: "Future[T]", call: Callable[..., T], *args: Any, **options: Any) -> Callable[[], None]:
    try:
        return partial(answer.set_result, call(*args, **options))
    except Exception as error:
        return partial(answer.set_exception, error)

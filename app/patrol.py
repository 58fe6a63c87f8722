"""Waiting for work that a model's call may keep from ending."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from app.errors import ModelFailed

T = TypeVar("T")

_LOOK_SECONDS = 0.5


class Patrol:
    """Waits for work of one model as long as that model's calls return.

    How long the work waits for others does not matter, only how long a call lasts: being slow is no fault.

    Args:
        calling: for how many seconds the oldest of the model's calls has been running.
        longest_seconds: for a call.
    """

    def __init__(self, calling: Callable[[], float], longest_seconds: float) -> None:
        self._calling = calling
        self._longest = longest_seconds
        self._over = asyncio.Event()

    def end(self) -> None:
        """Let nobody wait any longer."""
        self._over.set()

    async def wait_for(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do *work* and return what it returns; it is cancelled when that is given up.

        Raises:
            ModelFailed: a call lasts too long, or somebody said that it is over.
        """
        task = asyncio.ensure_future(work())
        over = asyncio.ensure_future(self._over.wait())
        look = min(_LOOK_SECONDS, self._longest / 4)
        try:
            while not task.done():
                if self._over.is_set():
                    raise ModelFailed("it has left")
                if (seconds := self._calling()) > self._longest:
                    raise ModelFailed(f"a call of it has not returned for {seconds:.1f} s")
                await asyncio.wait([task, over], timeout=look, return_when=asyncio.FIRST_COMPLETED)
            return task.result()
        finally:
            task.cancel()
            over.cancel()

"""The partitions that are being opened, each in a task of its own."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from faust.types import TP


class Openings:
    """Opens partitions side by side, each at most once at a time.

    Args:
        open_one: opens a partition, however long that takes.
        on_failure: told when it cannot be opened at all.
    """

    def __init__(
        self, open_one: Callable[[TP], Coroutine[Any, Any, None]], on_failure: Callable[[BaseException], None]
    ) -> None:
        self._open_one = open_one
        self._on_failure = on_failure
        self._under_way: dict[TP, asyncio.Task[None]] = {}

    @property
    def under_way(self) -> list[TP]:
        """The partitions that are not open yet."""
        return sorted(self._under_way)

    def begin(self, tp: TP) -> None:
        """Open a partition, unless that is under way."""
        if tp not in self._under_way:
            opening = self._under_way[tp] = asyncio.create_task(self._open_one(tp))
            opening.add_done_callback(lambda task: self._ended(tp, task))

    def _ended(self, tp: TP, opening: "asyncio.Task[None]") -> None:
        if self._under_way.get(tp) is opening:
            del self._under_way[tp]
        if not opening.cancelled() and (error := opening.exception()) is not None:
            self._on_failure(error)

    async def stop(self) -> None:
        """Give up what is under way."""
        openings = list(self._under_way.values())
        self._under_way.clear()
        for opening in openings:
            opening.cancel()
        await asyncio.gather(*openings, return_exceptions=True)

"""An event loop whose time leaps to the next timer, so that seconds of load take as long as their computing."""

import asyncio
import selectors
from typing import Any


class _Leaps(selectors.SelectSelector):
    """Waits for nothing outside the process."""

    loop: "Leaping"

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "everything waits, and no timer is set"
        self.loop.now += max(0.0, timeout)
        return []


class Leaping(asyncio.SelectorEventLoop):
    """Nothing but timers may wake what runs here."""

    def __init__(self) -> None:
        leaps = _Leaps()
        leaps.loop = self
        self.now = 0.0
        super().__init__(leaps)

    def time(self) -> float:
        return self.now

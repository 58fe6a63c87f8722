"""No more than so many records a second."""

import asyncio
from contextlib import suppress
from math import ceil

_STEPS = 10
"""Records of this part of a second go together."""


class Pace:
    """Lets records go.

    Args:
        rate: most records a second; None: as fast as it goes.
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._due = 0.0

    def together(self, most: int) -> int:
        """How many may go together, *most* at most."""
        return most if self._rate is None else min(most, ceil(self._rate / _STEPS))

    async def wait(self, records: int, stop: asyncio.Event) -> None:
        """Return when so many more may go, or when *stop* is set."""
        if self._rate is None:
            return
        now = asyncio.get_running_loop().time()
        delay = self._due - now
        self._due = max(now, self._due) + records / self._rate
        if delay > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), delay)

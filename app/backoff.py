"""How long to wait before trying again: longer each time, and never in step with others."""

import asyncio
import random


class Backoff:
    """Waits that double from *first* to *longest* seconds, each shortened at random by up to half.

    Without the random part the workers of a group would all come back to a broker in the same moment.
    """

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._tries = 0

    def next(self) -> float:
        """The seconds to wait now."""
        seconds = min(self._first * 2.0**self._tries, self._longest)
        if seconds < self._longest:
            self._tries += 1
        return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing

    async def wait(self) -> None:
        """Wait that long."""
        await asyncio.sleep(self.next())

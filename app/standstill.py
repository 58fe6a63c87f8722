"""Notice that this process did not run for a while, before it does anything that others may have done meanwhile."""

import asyncio
import time
from collections.abc import Callable

TICK_SECONDS = 0.1


def awake() -> float:
    """Seconds since the machine started, those in which it was suspended included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Standstill:
    """Tells when the process stood still for so long that the group may have given its partitions to others.

    A process that is stopped (SIGSTOP, a suspended machine) and goes on later knows nothing of it: it would publish
    what it had in its hands, which somebody else has published by then, and Faust's consumer does not recover from it.
    An event loop that was busy is another matter as long as a heartbeat was answered in time.

    Args:
        session_seconds: how long the group waits for a heartbeat.
        confirmed_at: when the last heartbeat left that was answered, by `awake`.
        on_standstill: called with the seconds that the process stood still; should not return.
    """

    def __init__(
        self, session_seconds: float, confirmed_at: Callable[[], float], on_standstill: Callable[[float], None]
    ) -> None:
        self._session_seconds = session_seconds
        self._confirmed_at = confirmed_at
        self._on_standstill = on_standstill
        self._ticked_at = awake()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self.check()
            self._ticked_at = awake()
            await asyncio.sleep(TICK_SECONDS)

    def check(self) -> None:
        """Look now; to be called before anything leaves the process."""
        now = awake()
        stood_still = now - self._ticked_at
        if stood_still > self._session_seconds / 2 and now - self._confirmed_at() > 0.95 * self._session_seconds:
            self._on_standstill(stood_still)

"""Whether the service is so far behind that catching up matters more than latency."""

import logging
from collections.abc import Callable

logger = logging.getLogger(__name__)

# In step again only below that share of the limit: batches would change from one look at the lag to the next.
ENOUGH = 0.5


class CatchUp:
    """Begins when the lag passes a limit, and ends when half of that is left.

    Args:
        seconds: the limit; 0 never begins.
        on_change: told whether it has begun or ended.
    """

    def __init__(self, seconds: float, on_change: Callable[[bool], None] = lambda _: None) -> None:
        self._seconds = seconds
        self._on_change = on_change
        self.active = False

    def look(self, lag_seconds: float) -> None:
        """Take note of the age of the oldest record that waits, 0 when none does."""
        limit = self._seconds * ENOUGH if self.active else self._seconds
        if not self._seconds or (lag_seconds > limit) == self.active:
            return
        self.active = not self.active
        logger.info(
            "catching up: latency does not count" if self.active else "in step again: the latency target holds",
            extra={"lag_seconds": round(lag_seconds, 1), "limit_seconds": self._seconds},
        )
        self._on_change(self.active)

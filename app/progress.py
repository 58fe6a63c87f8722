"""Notice that nothing moves although something waits, and nobody outside is to blame."""

import time
from collections.abc import Callable


class Progress:
    """Counts the time since anything moved: records fetched, a model call done, something committed, a rebalance.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moved_at = clock()

    def moved(self) -> None:
        """Something moved, or there was a reason for standing still."""
        self._moved_at = self._clock()

    @property
    def still_seconds(self) -> float:
        """How long nothing has moved."""
        return self._clock() - self._moved_at

"""Notice that nothing moves although something waits, and nobody outside is to blame."""

import time
from collections import Counter
from collections.abc import Callable


class Progress:
    """Counts the time since anything moved: records fetched, a model call done, something committed, a rebalance.

    Args:
        clock: seconds.

    Attributes:
        attempts: how often brokers were asked to take something for an input partition, or (None) for any. What a
            transaction lost is fetched and predicted again, so all else may seem to move while nothing gets out.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moved_at = clock()
        self.attempts: Counter[tuple[str, int] | None] = Counter()

    def moved(self) -> None:
        """Something moved, or there was a reason for standing still."""
        self._moved_at = self._clock()

    def attempted(self, source: tuple[str, int] | None = None) -> None:
        """A broker was asked, whatever it said: whoever sends is alive."""
        self.moved()
        self.attempts[source] += 1

    @property
    def now(self) -> float:
        """The time by the clock."""
        return self._clock()

    @property
    def still_seconds(self) -> float:
        """How long nothing has moved."""
        return self._clock() - self._moved_at

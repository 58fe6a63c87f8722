"""Notice that nothing moves, or nothing is sent, although something waits and nobody outside is to blame."""

import time
from collections.abc import Callable


class Progress:
    """Counts the time since anything moved: records fetched, a model call done, something committed, a rebalance.

    What is lost in a transaction is fetched and predicted again, so all may seem to move while nothing gets out. How
    long it is since brokers were asked to take something is therefore counted apart.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moved_at = self._sent_at = clock()

    def moved(self) -> None:
        """Something moved, or there was a reason for standing still."""
        self._moved_at = self._clock()

    def sent(self) -> None:
        """A broker was asked to take something, or there was a reason for not asking."""
        self._sent_at = self._clock()

    def attempted(self) -> None:
        """A broker was asked, whatever it said: whoever sends is alive."""
        self.moved()
        self.sent()

    @property
    def unsent_seconds(self) -> float:
        """How long no broker was asked."""
        return self._clock() - self._sent_at

    @property
    def still_seconds(self) -> float:
        """How long nothing has moved."""
        return self._clock() - self._moved_at

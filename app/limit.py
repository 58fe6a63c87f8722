"""How many rows one batch may have at the moment: fewer while the device is short of memory."""

import logging
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

# Before TensorFlow says that memory ran out it waits 10 s for some to come free: asking for too much must be rare.
RAISE_SECONDS = 60.0


class BatchLimit:
    """The most rows in one batch: lowered when memory runs out, raised again by an eighth at a time.

    Args:
        most: the limit while memory suffices, at least 1.
        on_lower: told of every batch that memory did not suffice for.
        raise_seconds: how long memory must suffice before the limit is raised by a step.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        most: int,
        *,
        on_lower: Callable[[], None] = lambda: None,
        raise_seconds: float = RAISE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._rows = most
        self._on_lower = on_lower
        self._raise_seconds = raise_seconds
        self._clock = clock
        self._changed = clock()

    @property
    def rows(self) -> int:
        """The most rows in one batch now."""
        return self._rows

    def reach(self, most: int) -> None:
        """Take *most* as the limit from now on, while memory suffices; another model may take other batches."""
        self._rows = most if self._rows == self._most else min(self._rows, most)
        self._most = most

    def lower(self, rows: int) -> None:
        """Take note that memory did not suffice for a batch of *rows* rows: from now on, half of that at most."""
        was, self._rows = self._rows, max(1, min(self._rows, rows // 2))
        self._changed = self._clock()
        self._on_lower()
        if was == self._most:
            logger.warning(
                "out of memory on the device: batches are smaller for a while; "
                "if it happens again and again, lower BATCH_MAX_SIZE",
                extra={"rows_failed": rows, "rows_now": self._rows, "rows_at_most": self._most},
            )

    def restore(self, rows: int) -> None:
        """Take note that it was the fault of one row that the limit is not *rows* any more."""
        self._rows = max(self._rows, min(rows, self._most))

    def went_through(self, rows: int) -> None:
        """Take note that the model answered *rows* rows; only those that fill the limit are a reason to raise it."""
        if self._rows <= rows and self._rows < self._most and self._clock() - self._changed >= self._raise_seconds:
            self._rows = min(self._most, self._rows + max(1, self._rows // 8))
            self._changed = self._clock()
            if self._rows == self._most:
                logger.info("batches are as large as they may be again", extra={"rows_at_most": self._most})

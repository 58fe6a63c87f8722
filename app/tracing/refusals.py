"""Log lines about refused records, so many that people can follow one of each kind, and no more."""

import logging
import time
from collections.abc import Callable
from typing import Any

from opentelemetry.trace import Span

from app.errors import Reason, RejectedRecord
from app.kafka.chunk import Chunk
from app.tracing.logs import fields

logger = logging.getLogger(__name__)

# A topic full of records that cannot be read must not fill the log as well.
PAUSE_SECONDS = 10.0


class RefusalLog:
    """Writes a line for a record that is refused and traced; after one, none of its reason for a while.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._written: dict[Reason, float] = {}

    def refused(self, span: Span, chunk: Chunk, offset: int, why: RejectedRecord) -> None:
        """Write that the record at *offset* of *chunk* is refused, and which trace tells of it."""
        now = self._clock()
        if now - self._written.get(why.reason, float("-inf")) < PAUSE_SECONDS:
            return
        self._written[why.reason] = now
        where: dict[str, Any] = {"topic": chunk.tp.topic, "partition": chunk.tp.partition, "offset": offset}
        verdict = {"stage": str(why.stage), "reason": str(why.reason)}
        logger.info("a record is refused", extra=where | verdict | fields(span))

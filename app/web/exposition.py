"""The metrics as Prometheus reads them."""

import asyncio
import time

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

__all__ = ["CONTENT_TYPE_LATEST", "Exposition"]

# One part work, nine parts rest: however many ask, the metrics take a tenth of the event loop's time at most.
REST = 9


class Exposition:
    """Writes the metrics once for all who wait for them at the same time.

    Args:
        registry: the metrics.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._text = b""
        self._turn = asyncio.Lock()
        self._began_at = self._rested_at = float("-inf")

    async def text(self) -> bytes:
        """Return the metrics in Prometheus's text format, as of the call or later."""
        asked_at = time.monotonic()
        async with self._turn:
            if self._began_at < asked_at:
                await asyncio.sleep(self._rested_at - asked_at)
                self._write()
            return self._text

    def _write(self) -> None:
        self._began_at = time.monotonic()
        self._text = generate_latest(self._registry)
        ended_at = time.monotonic()
        self._rested_at = ended_at + REST * (ended_at - self._began_at)

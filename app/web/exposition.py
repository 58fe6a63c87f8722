"""The metrics as Prometheus reads them."""

import asyncio
import time
from collections.abc import Callable
from enum import Enum

from prometheus_client import CollectorRegistry, exposition
from prometheus_client.openmetrics import exposition as openmetrics

# One part work, nine parts rest: however many ask, the metrics take a tenth of the event loop's time at most.
REST = 9


class Format(Enum):
    """How they are written, and the `Content-Type` that says so. Only OpenMetrics has exemplars."""

    TEXT = exposition.CONTENT_TYPE_LATEST
    OPEN_METRICS = openmetrics.CONTENT_TYPE_LATEST

    @property
    def content_type(self) -> str:
        """What an answer says that it is."""
        return self.value

    @classmethod
    def accepted(cls, header: str) -> "Format":
        """Return the one that a client with this `Accept` header prefers: OpenMetrics only when it is asked for."""
        wanted = exposition.choose_encoder(header)[1]
        return cls.OPEN_METRICS if wanted.startswith(_OPEN_METRICS) else cls.TEXT


_OPEN_METRICS = "application/openmetrics-text"
_WRITERS: dict[Format, Callable[[CollectorRegistry], bytes]] = {
    Format.TEXT: exposition.generate_latest,
    Format.OPEN_METRICS: openmetrics.generate_latest,
}


class Exposition:
    """Writes the metrics once for all who wait for them at the same time.

    Args:
        registry: the metrics.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._texts = dict.fromkeys(Format, b"")
        self._turn = asyncio.Lock()
        self._began_at = dict.fromkeys(Format, float("-inf"))
        self._rested_at = float("-inf")

    async def text(self, form: Format = Format.TEXT) -> bytes:
        """Return the metrics in one of Prometheus's text formats, as of the call or later."""
        asked_at = time.monotonic()
        async with self._turn:
            if self._began_at[form] < asked_at:
                await asyncio.sleep(self._rested_at - asked_at)
                self._write(form)
            return self._texts[form]

    def _write(self, form: Format) -> None:
        self._began_at[form] = began_at = time.monotonic()
        self._texts[form] = _WRITERS[form](self._registry)
        ended_at = time.monotonic()
        self._rested_at = ended_at + REST * (ended_at - began_at)

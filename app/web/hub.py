"""All who watch the page, and the one event that they are sent at a time."""

import asyncio
import logging
import time
from typing import Any, Protocol

import msgspec

from app.web.watcher import Watcher

logger = logging.getLogger(__name__)

MOST = 200
"""Watchers at a time; they are not among the connections that a `Listener` counts."""
EVERY_SECONDS = 0.25
# One part work, 99 parts rest: however many watch and whatever is shown, it takes a hundredth of the event loop's time,
# unless one event takes more than 50 ms.
REST = 99
REST_SECONDS = 5.0
"""The longest rest: a page that hears nothing for 30 s takes its connection for lost."""
# Sent without a break they would keep the event loop from the stream for milliseconds.
SENT_AT_ONCE = 10
NOTHING = b": nothing to tell\n\n"


class Shown(Protocol):
    """What the page shows."""

    def begin(self) -> None:
        """Somebody watches from now on."""

    def end(self) -> None:
        """Nobody watches any more."""

    def now(self) -> Any:
        """Return what is to be seen at the moment, for msgspec to write as JSON."""


class Hub:
    """Sends what *shown* says to all who watch: made and written once for all, four times a second at most.

    As long as nobody watches nothing is asked or made.
    """

    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        self._watchers: dict[Watcher, None] = {}
        self._encoder = msgspec.json.Encoder()
        self._sending: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._watchers)

    @property
    def is_full(self) -> bool:
        """Whether nobody else can be let in; those who are in stay. After `stop` it always is."""
        return self._stopped or len(self._watchers) >= MOST

    def watcher(self) -> Watcher:
        """Return one more; it takes part once it has a connection."""
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())
        return Watcher(self._watchers)

    async def stop(self) -> None:
        """End all connections; nobody is let in any more."""
        self._stopped = True
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        for watcher in list(self._watchers):
            watcher.abort()

    async def _send_all(self) -> None:
        # The first one gets its connection before this runs.
        self._shown.begin()
        try:
            while self._watchers:
                worked = await self._send()
                await asyncio.sleep(max(EVERY_SECONDS, min(REST * worked, REST_SECONDS)))
        finally:
            self._shown.end()

    async def _send(self) -> float:
        """Send one event to everybody; returns the seconds that it kept the processor busy."""
        # Of this thread alone: when the machine is paused or busy with others, resting does not help the stream.
        began = time.thread_time()
        event = self._event()
        watchers, worked = list(self._watchers), time.thread_time() - began
        for first in range(0, len(watchers), SENT_AT_ONCE):
            await asyncio.sleep(0)
            began = time.thread_time()
            for watcher in watchers[first : first + SENT_AT_ONCE]:
                if watcher in self._watchers:  # it may have gone meanwhile
                    watcher.send(event)
            worked += time.thread_time() - began
        return worked

    def _event(self) -> bytes:
        try:
            return b"data: %b\n\n" % self._encoder.encode(self._shown.now())
        except Exception:
            # A page that stands still is a nuisance; the stream must not end for it.
            logger.exception("what the page shows cannot be told")
            return NOTHING

"""How far scoring has got, on a terminal."""

import sys
import time

from app.score.scoring import Count

_INTERVAL_SECONDS = 0.2
_CLEAR = "\r\x1b[K"


class Progress:
    """Writes one line on standard error, again and again; nothing when that is no terminal.

    Args:
        total_bytes: of the file; None: nobody knows.
    """

    def __init__(self, total_bytes: int | None) -> None:
        self._shows = sys.stderr is not None and sys.stderr.isatty()
        self._total = total_bytes
        self._began = self._next_at = time.monotonic()

    def __call__(self, count: Count) -> None:
        """Show how far it has got."""
        now = time.monotonic()
        if self._shows and now >= self._next_at:
            self._next_at = now + _INTERVAL_SECONDS
            sys.stderr.write(_CLEAR + self.text(count, now - self._began))
            sys.stderr.flush()

    def text(self, count: Count, seconds: float) -> str:
        """The line."""
        done = count.ranked + count.refused
        share = f"{count.read_bytes / self._total:4.0%}, " if self._total else ""
        return f"{share}{done:,} records, {done / max(seconds, 1e-3):,.0f} a second, {count.refused:,} refused"

    def end(self) -> None:
        """Take the line away."""
        if self._shows:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

"""How far an audit has got, on a terminal."""

import sys
import time

INTERVAL_SECONDS = 0.1
_CLEAR = "\r\x1b[K"


class Progress:
    """Writes one line on standard error, again and again; nothing when that is no terminal."""

    def __init__(self) -> None:
        self._shows = sys.stderr is not None and sys.stderr.isatty()
        self._next_at = 0.0

    def __call__(self, partition: str, done: int, total: int) -> None:
        """Show that *done* of *total* offsets of a partition have been read."""
        if self._shows and time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + INTERVAL_SECONDS
            sys.stderr.write(f"{_CLEAR}reading {partition}: {done:,} of {total:,}")
            sys.stderr.flush()

    def end(self) -> None:
        """Take the line away."""
        if self._shows:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

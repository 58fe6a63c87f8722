"""One line on a terminal that is written again and again."""

import sys
import time
from collections.abc import Callable

_CLEAR = "\r\x1b[K"


class StatusLine:
    """The line, on standard error; nothing when that is no terminal.

    Args:
        seconds: between two versions of it, at least.
    """

    def __init__(self, seconds: float = 0.2) -> None:
        self._shows = sys.stderr is not None and sys.stderr.isatty()
        self._seconds = seconds
        self._next_at = 0.0

    def show(self, text: Callable[[], str]) -> None:
        """Write what *text* gives, unless the last version is too young."""
        if self._shows and (now := time.monotonic()) >= self._next_at:
            self._next_at = now + self._seconds
            sys.stderr.write(_CLEAR + text())
            sys.stderr.flush()

    def end(self) -> None:
        """Take the line away."""
        if self._shows:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

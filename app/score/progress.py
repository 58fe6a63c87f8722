"""How far scoring has got, on a terminal."""

import time

from app.score.scoring import Count
from app.status_line import StatusLine


class Progress:
    """Says it in one line.

    Args:
        total_bytes: of the file; None: nobody knows.
    """

    def __init__(self, total_bytes: int | None) -> None:
        self._line = StatusLine()
        self._total = total_bytes
        self._began = time.monotonic()

    def __call__(self, count: Count) -> None:
        """Show how far it has got."""
        self._line.show(lambda: self._text(count, time.monotonic() - self._began))

    def _text(self, count: Count, seconds: float) -> str:
        done = count.ranked + count.refused
        share = f"{count.read_bytes / self._total:4.0%}, " if self._total else ""
        return f"{share}{done:,} records, {done / max(seconds, 1e-3):,.0f} a second, {count.refused:,} refused"

    def end(self) -> None:
        """Take the line away."""
        self._line.end()

"""How far an audit has got, on a terminal."""

from app.status_line import StatusLine


class Progress:
    """Says it in one line."""

    def __init__(self) -> None:
        self._line = StatusLine(0.1)

    def __call__(self, partition: str, done: int, total: int) -> None:
        """Show that *done* of *total* offsets of a partition have been read."""
        self._line.show(lambda: f"reading {partition}: {done:,} of {total:,}")

    def end(self) -> None:
        """Take the line away."""
        self._line.end()

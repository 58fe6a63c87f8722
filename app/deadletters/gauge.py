"""How far a command is, on a terminal, when it takes long."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

_FIRST_SECONDS = 1.0
_SECONDS = 0.2


@contextmanager
def gauge(words: str, total: int, stream: TextIO) -> Iterator[Callable[[], None]]:
    """Give a function to call for each of *total* things; from the second second on *stream*, a terminal, shows it.

    Args:
        words: what the things are, and what is done to them.
        total: about how many there are.
        stream: nothing is written to what is no terminal.
    """
    done, shown, due = 0, False, time.monotonic() + _FIRST_SECONDS
    silent = not stream.isatty()

    def moved() -> None:
        nonlocal done, shown, due
        done += 1
        if not silent and (now := time.monotonic()) >= due:
            stream.write(f"\r{done:,} of {max(done, total):,} {words}\x1b[K")
            stream.flush()
            shown, due = True, now + _SECONDS

    try:
        yield moved
    finally:
        if shown:
            stream.write("\r\x1b[K")
            stream.flush()

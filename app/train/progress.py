"""How far a training is: a bar on a terminal, lines elsewhere, both on standard error."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.train.apart import OnProgress

_SECONDS = 2.0  # between two plain lines


@contextmanager
def shown_progress() -> Iterator[OnProgress]:
    """Give what is to be told how far it is."""
    if sys.stderr is not None and sys.stderr.isatty():
        try:
            with _bar() as tell:
                yield tell
            return
        except ModuleNotFoundError as error:
            if error.name != "rich":
                raise
    yield Lines()


@contextmanager
def _bar() -> Iterator[OnProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = BarColumn(24), TimeElapsedColumn(), TextColumn("{task.description}", markup=False)
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as bar:
        task = bar.add_task("starting", total=1)
        yield lambda part, words: bar.update(task, completed=part, description=words)


class Lines:
    """Says it in a line every two seconds at most; a new step is told at once.

    Args:
        clock: tells seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next_at = clock()

    def __call__(self, part: float, words: str) -> None:
        """Tell it, unless the last line is too young."""
        if part > 0 and self._clock() < self._next_at:
            return
        self._next_at = self._clock() + _SECONDS
        sys.stderr.write(f"{part:4.0%}  {words}\n")
        sys.stderr.flush()

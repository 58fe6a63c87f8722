"""Progress of a run: a bar on a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Protocol


class Progress(Protocol):
    """Tells what is being done and what came out."""

    def begin(self, step: str) -> None:
        """A step begins."""

    def finish(self, outcome: str) -> None:
        """It is done, with this outcome."""


@contextmanager
def shown(steps: int) -> Iterator[Progress]:
    """Show the progress of this many steps on standard output."""
    if sys.stdout.isatty() and find_spec("rich"):
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        columns = BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}")
        with RichProgress(*columns) as rich:
            yield Bar(rich, steps)
    else:
        yield Lines(steps)


class Lines:
    """One line per finished step."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._done = 0
        self._step = ""

    def begin(self, step: str) -> None:
        """Remember what the line will tell."""
        self._step = step

    def finish(self, outcome: str) -> None:
        """Print the line."""
        self._done += 1
        print(f"[{self._done}/{self._steps}] {self._step}: {outcome}", flush=True)


class Bar:
    """A bar that shows the running step, with the finished ones above it."""

    def __init__(self, rich: Any, steps: int) -> None:
        self._rich = rich
        self._task = rich.add_task("", total=steps)
        self._step = ""

    def begin(self, step: str) -> None:
        """Show the step beside the bar."""
        self._step = step
        self._rich.update(self._task, description=step)

    def finish(self, outcome: str) -> None:
        """Print the step and move the bar on."""
        self._rich.console.print(f"{self._step}: {outcome}", highlight=False, markup=False)
        self._rich.advance(self._task)

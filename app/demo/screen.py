"""What the demo shows: plain lines, or with rich a live screen (`app.demo.terminal`)."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from app.demo.view import RaceView, View

_PACE_S = 1.0  # between two plain lines about the stream


class Step:
    """One step under way: `progress` while it runs, `result` when it is done.

    Args:
        show: is told the part that is done (0 to 1, None when nobody knows) and a few words.
    """

    def __init__(self, show: Callable[[float | None, str], None]) -> None:
        self.progress = show
        self.result = ""


class Screen(Protocol):
    """Where the demo shows what it does."""

    def say(self, *lines: str) -> None:
        """Show lines that stay."""

    def step(self, title: str) -> AbstractContextManager[Step]:
        """Show that a step runs, then its result and how long it took."""

    def stream(self, title: str) -> AbstractContextManager[Callable[[View], None]]:
        """Show views of a running stream."""

    def verdict(self, lines: Sequence[str], faults: Sequence[str]) -> None:
        """Show the summary and what is wrong."""


class PlainScreen:
    """Lines of text, for pipes and files.

    Args:
        clock: tells seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    def say(self, *lines: str) -> None:
        """Print lines."""
        sys.stdout.writelines(f"{line}\n" for line in lines)
        sys.stdout.flush()

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Print the title, then the result and the seconds it took."""
        self.say(f"{title} ...")
        began = self._clock()
        step = Step(lambda _part, _words: None)
        yield step
        self.say(f"    {step.result} ({self._clock() - began:.1f} s)")

    @contextmanager
    def stream(self, title: str) -> Iterator[Callable[[View], None]]:
        """Print the title, and a line a second."""
        self.say(f"{title} ...")
        next_line = self._clock() + _PACE_S

        def show(view: View) -> None:
            nonlocal next_line
            if self._clock() >= next_line:
                next_line += _PACE_S
                self.say(f"    {in_words(view)}")

        yield show

    def verdict(self, lines: Sequence[str], faults: Sequence[str]) -> None:
        """Print the summary and what is wrong."""
        self.say("", *lines, *(f"WRONG: {fault}" for fault in faults))


def in_words(view: View) -> str:
    """Return the figures of *view*, and who is foretold to win the race that is shown, in one line."""
    figures = view.figures
    line = (
        f"{figures.answered:,} of {figures.total:,} records back, {figures.rate:,.0f} a second, "
        f"latency p50 {figures.p50:.1f} ms, p99 {figures.p99:.1f} ms, {figures.waiting:,} on their way"
    )
    return f"{line}; {_favourite(view.race)}" if view.race and view.race.lines else line


def _favourite(race: RaceView) -> str:
    first = race.lines[0]
    return f"{race.name}, {race.unit} {race.moment} of {race.moments}: {first.member} wins with {first.chance:.0%}"


def open_screen() -> Screen:
    """Return a live screen when standard output is a terminal, else plain lines."""
    if not sys.stdout.isatty():
        return PlainScreen()
    from app.demo.terminal import TerminalScreen

    return TerminalScreen()

"""The demo on a terminal: progress bars and a live table."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from app.demo.screen import Step
from app.demo.view import Line, RaceView, View

_BAR = 12  # characters
_NEWEST = 20  # moments shown, of the many that races of cars have
_LEVELS = "▁▂▃▄▅▆▇█"


class TerminalScreen:
    """A screen made with rich."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)

    def say(self, *lines: str) -> None:
        """Print lines."""
        for line in lines:
            self._console.print(Text(line), soft_wrap=True)  # a table that is wrapped by words is none

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a bar while the step runs, then its result and the seconds it took."""
        began = time.monotonic()
        words = TextColumn("{task.fields[words]}", style="dim", markup=False)
        columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24), TimeElapsedColumn(), words
        with Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(title, total=None, words="")
            step = Step(
                lambda part, words: bar.update(
                    task, total=None if part is None else 1, completed=part or 0, words=words
                )
            )
            yield step
        took = f"  {time.monotonic() - began:.1f} s"
        self._console.print(Text.assemble(("✓ ", "green"), (f"{title:<12}", "bold"), step.result, (took, "dim")))

    @contextmanager
    def stream(self, title: str) -> Iterator[Callable[[View], None]]:
        """Show a bar and the figures, renewed while the stream runs."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        bar = Progress(*columns, console=self._console)
        task = bar.add_task(title, total=None)
        with Live(bar, console=self._console, transient=True, refresh_per_second=10) as live:

            def show(view: View) -> None:
                bar.update(task, total=view.figures.total, completed=view.figures.answered)
                live.update(Group(bar, figures_table(view), *([race_table(view.race)] if view.race else [])))

            yield show

    def verdict(self, lines: Sequence[str], faults: Sequence[str]) -> None:
        """Print the summary and what is wrong."""
        self.say("", *lines)
        for fault in faults:
            self._console.print(Text.assemble(("✗ ", "red"), fault))


def figures_table(view: View) -> Table:
    """Return the figures of the stream as a table of one row."""
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for name in ("in", "out", "on their way", "a second", "p50 ms", "p99 ms", "model"):
        table.add_column(name, justify="right", no_wrap=True)
    figures = view.figures
    counts = (f"{count:,}" for count in (figures.sent, figures.answered, figures.waiting))
    table.add_row(*counts, f"{figures.rate:,.0f}", f"{figures.p50:.1f}", f"{figures.p99:.1f}", view.model)
    return table


def race_table(race: RaceView) -> Table:
    """Return how a race stands, best first, with the way of each one's chance to win."""
    title = f"{race.name}, {race.about}: {race.unit} {race.moment} of {race.moments}"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1), header_style="dim")
    table.add_column("end", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, min_width=3)
    table.add_column("", no_wrap=True)
    table.add_column("wins", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("now", justify="right", no_wrap=True)
    table.add_column(f"by {race.unit}", no_wrap=True, min_width=min(race.moments, _NEWEST))
    for line in race.lines:
        table.add_row(*_cells(line))
    return table


def _cells(line: Line) -> list[str | Text]:
    place = "out" if line.place is None else str(line.place)
    way = sparkline(line.history[-_NEWEST:])
    return [str(line.rank), _arrow(line), Text(line.member), f"{line.chance:.0%}", _bar(line.chance), place, way]


def _arrow(line: Line) -> Text:
    if not line.change:
        return Text("")
    return Text(f"▲{line.change}", style="green") if line.change > 0 else Text(f"▼{-line.change}", style="red")


def _bar(chance: float) -> Text:
    full = round(chance * _BAR)
    return Text.assemble(("█" * full, "cyan"), ("·" * (_BAR - full), "dim"))


def sparkline(values: Sequence[float]) -> str:
    """Return a character for each value from 0 to 1."""
    return "".join(_LEVELS[min(int(value * len(_LEVELS)), len(_LEVELS) - 1)] for value in values)

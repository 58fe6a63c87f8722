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
from app.demo.tally import Prediction, View


class TerminalScreen:
    """A screen made with rich."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)

    def say(self, *lines: str) -> None:
        """Print lines."""
        for line in lines:
            self._console.print(Text(line))

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
                bar.update(task, total=view.total, completed=view.answered)
                live.update(Group(bar, _figures(view), _latest(view.latest)))

            yield show

    def verdict(self, lines: Sequence[str], faults: Sequence[str]) -> None:
        """Print the summary and what is wrong."""
        self.say("", *lines)
        for fault in faults:
            self._console.print(Text.assemble(("✗ ", "red"), fault))


def _figures(view: View) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 2), header_style="dim")
    for name in ("in", "out", "on their way", "dead letters", "a second", "p50 ms", "p99 ms"):
        table.add_column(name, justify="right", min_width=8)
    counts = (view.sent, view.answered - view.dead_letters, view.waiting, view.dead_letters)
    table.add_row(*(f"{count:,}" for count in counts), f"{view.rate:,.0f}", f"{view.p50:.1f}", f"{view.p99:.1f}")
    return table


def _latest(predictions: Sequence[Prediction]) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 2), header_style="dim")
    for name in ("record", "written", "ranking"):
        table.add_column(name, min_width=8)
    for each in predictions:
        ranking = "  ".join(f"{place}. {label} {score:.3f}" for place, (label, score) in enumerate(each.ranking, 1))
        right = bool(each.ranking) and each.ranking[0][0] == each.truth
        table.add_row(f"{each.number:,}", each.truth, Text(ranking, style="green" if right else "red"))
    return table

"""The ceiling, worked out beside other work of ours."""

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from types import TracebackType
from typing import Self

from app.demo.programme import Programme
from models.race.source import Strengths


class _Stopped(Exception):
    """Nobody wants it any more."""


class Ceiling:
    """Begins to work in a thread of its own when it is entered, and ends at the block's end, done or not.

    Args:
        programme: the races.
    """

    def __init__(self, programme: Programme) -> None:
        self._best = programme.best
        self._threads = ThreadPoolExecutor(1)
        self._unwanted = Event()
        self._part = 0.0
        self._found: Future[tuple[Strengths, Strengths]] | None = None

    def __enter__(self) -> Self:
        if self._best is not None:
            self._found = self._threads.submit(self._best, self._note)
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._unwanted.set()
        self._threads.shutdown()

    @property
    def part(self) -> float:
        """What is done, from 0 to 1."""
        return self._part

    def result(self) -> tuple[Strengths, Strengths] | None:
        """Wait for the strengths for order and winner; None where nobody can know them."""
        return None if self._found is None else self._found.result()

    def _note(self, part: float) -> None:
        self._part = part
        if self._unwanted.is_set():
            raise _Stopped

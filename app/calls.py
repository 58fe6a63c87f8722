"""Calls of the model, off the event loop unless they are quick, and how long they take."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from app.errors import ModelFailed
from models.predictor import Columns, Predictor, TopK, height

T = TypeVar("T")


class ModelCalls:
    """Runs models in threads, except for quick calls, which are done before a thread would have begun.

    Whoever is cancelled while waiting leaves the call running: nothing can stop it.

    Args:
        executor: the threads that wait for it.
        on_call: told of the seconds that each call with rows of records took.
        quick: whether quick calls are made here, see `Predictor.quick_rows`.
    """

    def __init__(self, executor: Executor, on_call: Callable[[float], None], *, quick: bool = False) -> None:
        self._executor = executor
        self._on_call = on_call
        self._quick = quick
        self._began: dict[object, float] = {}

    @property
    def longest_seconds(self) -> float:
        """For how long the oldest of the calls that run now has been running; 0 when none runs."""
        # A list at once, since threads come and go meanwhile.
        began = list(self._began.values())
        return time.monotonic() - min(began) if began else 0.0

    async def predict(self, predictor: Predictor, columns: Columns) -> TopK:
        """Return what *predictor* says of the rows in *columns*.

        Raises:
            RowsRefused, OutOfMemory, ModelUnavailable: as the predictor does.
            ModelFailed: the model answers for another number of rows.
        """
        began = time.monotonic()
        try:
            if self._quick and height(columns) <= predictor.quick_rows:
                ranking = predictor.predict(columns)
            else:
                ranking = await self._run(lambda: predictor.predict(columns))
        except Exception:
            self._on_call(time.monotonic() - began)
            raise
        self._on_call(time.monotonic() - began)
        if len(ranking.scores) != height(columns):
            # Whoever split such an answer would give records the scores of others.
            raise ModelFailed(f"the model was given {height(columns)} rows and answered for {len(ranking.scores)}")
        return ranking

    async def answers(self, predictor: Predictor) -> bool:
        """Tell whether *predictor* answers a known good row."""
        return await self._run(predictor.answers)

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._watched, call)

    def _watched(self, call: Callable[[], T]) -> T:
        # Here in the thread, because it may run on when nobody waits for it any more.
        me = object()
        self._began[me] = time.monotonic()
        try:
            return call()
        finally:
            del self._began[me]

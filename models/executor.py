"""Which of TensorFlow's executors runs a model, and how large a batch may be that is not worth a thread."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from statistics import median
from typing import Any

from models.errors import ModelError
from models.runtime import tf

PARALLEL = ""
"""TensorFlow's default: operations that do not wait for each other run side by side, in threads of a pool."""
SEQUENTIAL = "SINGLE_THREADED_EXECUTOR"
"""One operation after the other, in one thread, without conditions and loops. What an operation itself does in parallel
stays as it is."""

IN_SESSION = "session"
"""The same in the thread that calls, see `models.session`."""

# A call that takes longer does not notice what handing operations from thread to thread costs.
_LONG_SECONDS = 0.005
# To hand a call to a thread, and its answer back, takes about as long.
_QUICK_SECONDS = 0.0003
_ROUNDS = 9
# Slower by less is as likely to be chance.
_AS_GOOD = 1.05


@dataclass(frozen=True, slots=True)
class Choice:
    """How to run a model.

    Attributes:
        executor: `PARALLEL`, `SEQUENTIAL` or `IN_SESSION`.
        quick_rows: see `models.predictor.Predictor`.
    """

    executor: str = PARALLEL
    quick_rows: int = 0


def running_in(executor: str) -> AbstractContextManager[Any]:
    """Let functions that this thread calls in the body run in *executor*."""
    if executor != SEQUENTIAL:
        return nullcontext()
    context: AbstractContextManager[Any] = tf.experimental.function_executor_type(executor)
    return context


def choose(call: Callable[[str, int], object], fewest: int, most: int) -> Choice:
    """Return how to run a model: with as few threads as possible, if its calls are quick and take no longer so.

    A small model's operations take less time than it takes to wake a thread for them, and while the service waits for
    records, those threads sleep: a call then costs twice the processor time, and waits for each of them.

    Args:
        call: makes a call in the executor that it is given, with so many rows.
        fewest: rows of the smallest batch.
        most: rows of the largest one.
    """
    try:
        # Twice, since the first one may have waited for a core.
        if all(_seconds(call, PARALLEL, most) > _LONG_SECONDS for _ in range(2)):
            return Choice()
    except ModelError:
        return Choice()
    ready = [PARALLEL, *(executor for executor in (SEQUENTIAL, IN_SESSION) if _is_ready(call, executor, most))]
    # In turn, for whatever else runs makes some calls longer; none is shorter by chance.
    took: dict[str, list[float]] = {executor: [] for executor in ready}
    try:
        for _ in range(_ROUNDS):
            for executor in ready:
                took[executor].append(_seconds(call, executor, most))
        least = min(map(min, took.values()))
        chosen = [executor for executor in ready if min(took[executor]) <= _AS_GOOD * least][-1]
        few = [_seconds(call, chosen, fewest) for _ in range(_ROUNDS)]
    except ModelError:
        return Choice()
    if chosen == PARALLEL:
        return Choice()
    return Choice(chosen, _quick_rows(median(few), fewest, median(took[chosen]), most))


def _is_ready(call: Callable[[str, int], object], executor: str, rows: int) -> bool:
    """Make the model ready for *executor*; False where that cannot run it: as a rule it has conditions or loops."""
    try:
        call(executor, rows)
    except ModelError:
        return False
    return True


def _quick_rows(few: float, fewest: int, many: float, most: int) -> int:
    """How many rows take `_QUICK_SECONDS`, when *fewest* and *most* take *few* and *many* seconds."""
    if many <= _QUICK_SECONDS:
        return most
    if few > _QUICK_SECONDS:
        return 0
    return fewest + int((most - fewest) * (_QUICK_SECONDS - few) / (many - few))


def _seconds(call: Callable[[str, int], object], executor: str, rows: int) -> float:
    began = time.perf_counter()
    call(executor, rows)
    return time.perf_counter() - began

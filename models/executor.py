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
        executor: `PARALLEL` or `SEQUENTIAL`.
        quick_rows: see `models.predictor.Predictor`.
    """

    executor: str = PARALLEL
    quick_rows: int = 0


def running_in(executor: str) -> AbstractContextManager[Any]:
    """Let functions that this thread calls in the body run in *executor*."""
    if executor == PARALLEL:
        return nullcontext()
    context: AbstractContextManager[Any] = tf.experimental.function_executor_type(executor)
    return context


def choose(call: Callable[[str, int], object], fewest: int, most: int) -> Choice:
    """Return how to run a model: in the sequential executor, if its calls are quick and take no longer there.

    A small model's operations take less time than it takes to wake a thread for them, and while the service waits for
    records, those threads sleep: a call then costs twice the processor time, and waits for each of them.

    Args:
        call: makes a call in the executor that it is given, with so many rows.
        fewest: rows of the smallest batch.
        most: rows of the largest one.
    """
    try:
        if _seconds(call, PARALLEL, most) > _LONG_SECONDS:
            return Choice()
        call(SEQUENTIAL, most)  # which makes it ready
        took = [(_seconds(call, PARALLEL, most), _seconds(call, SEQUENTIAL, most)) for _ in range(_ROUNDS)]
        few = [_seconds(call, SEQUENTIAL, fewest) for _ in range(_ROUNDS)]
    except ModelError:
        return Choice()  # as a rule because it has conditions or loops
    parallel, sequential = zip(*took, strict=True)
    # Whatever else ran made some calls longer; none was shorter by chance.
    if min(sequential) > _AS_GOOD * min(parallel):
        return Choice()
    return Choice(SEQUENTIAL, _quick_rows(median(few), fewest, median(sequential), most))


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

"""Run merged batches through the model, and find out who is to blame when one fails."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.backoff import Backoff
from app.batching import Slice
from app.calls import ModelCalls
from app.errors import Reason, RejectedRecord
from app.freshness import Expiry
from app.limit import BatchLimit
from app.patience import Patience
from app.scored import Scored
from app.tracing.rows import RowSpans
from models.errors import ModelUnavailable, OutOfMemory, RowsRefused
from models.predictor import Columns, Predictor, TopK, height

__all__ = ["Rows", "Scored", "Scorer"]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that one model is to rank, unless they have expired; only those for the same one share a batch."""

    columns: Columns
    predictor: Predictor
    expiry: Expiry | None = None
    spans: RowSpans | None = None


class Scorer:
    """The batcher's runner: one model call per batch, and more only when that fails.

    A batch that the model refuses, or that its device has no memory for, is halved, and the halves likewise, until the
    rows at fault are alone: *k* of *n* rows cost at most `1 + k * (2 * ceil(log2(n)) + 1)` calls, those of the known
    good row included.

    Args:
        executor: the threads that wait for the model.
        on_call: told of the seconds that each call with rows of records took.
        limit: of the batches; lowered when the device's memory runs out.
        backoff: how often the model is asked again while it is at fault itself.
        quick: see `ModelCalls`.
    """

    def __init__(
        self,
        executor: Executor,
        on_call: Callable[[float], None],
        *,
        limit: BatchLimit,
        backoff: Backoff = Backoff(),  # noqa: B008 - a frozen value
        quick: bool = False,
    ) -> None:
        self._calls = ModelCalls(executor, on_call, quick=quick)
        self.limit = limit
        self._patience = Patience(backoff)

    @property
    def trouble(self) -> str | None:
        """What keeps the model from answering now; None when it answers."""
        return self._patience.trouble

    @property
    def longest_call_seconds(self) -> float:
        """For how long the oldest of the model's calls that run now has been running; 0 when none runs."""
        return self._calls.longest_seconds

    async def __call__(self, slices: Sequence[Slice[Rows]]) -> list[Scored]:
        """Score the rows of all slices, which are for one predictor, together; one answer per slice.

        Raises:
            ModelFailed: the model is at fault, not the rows: it failed at every attempt, or answers for another number
                of rows.
        """
        now_ms = time.time() * 1000
        late = [_expired(part, now_ms) for part in slices]
        if any(late):
            return await self._score_others(slices, late)
        answers = await self._score(slices[0].block.predictor, _merge(slices), self.limit.rows)
        return Scored.of(answers).split([len(part) for part in slices])

    async def _score_others(
        self, slices: Sequence[Slice[Rows]], late: Sequence[Mapping[int, RejectedRecord]]
    ) -> list[Scored]:
        """Score the rows that are not *late*."""
        kept = [[row for row in range(len(part)) if row not in gone] for part, gone in zip(slices, late, strict=True)]
        parts = [
            {name: column[rows] for name, column in _rows(part.block.columns, part.start, part.stop).items()}
            for part, rows in zip(slices, kept, strict=True)
            if rows
        ]
        if not parts:
            return [Scored(None, gone) for gone in late]
        answers = await self._score(slices[0].block.predictor, _joined(parts), self.limit.rows)
        return [
            Scored(scored.ranking, {rows[row]: why for row, why in scored.refused.items()} | dict(gone))
            for scored, rows, gone in zip(Scored.of(answers).split([*map(len, kept)]), kept, late, strict=True)
        ]

    async def _score(self, predictor: Predictor, columns: Columns, limit: int) -> list[TopK | RejectedRecord]:
        """The answers about consecutive rows of a batch; *limit* is how many one might have when it began."""
        answer = await self._patience.ask(lambda: self._ask(predictor, columns, limit))
        if answer is not None:
            return [answer]
        middle = height(columns) // 2
        halves = _rows(columns, 0, middle), _rows(columns, middle, None)
        return [answer for half in halves for answer in await self._score(predictor, half, limit)]

    async def _ask(self, predictor: Predictor, columns: Columns, limit: int) -> TopK | RejectedRecord | None:
        """The model's answer; the rejection of a row that is alone; None when the halves have to be asked for."""
        rows = height(columns)
        if rows > self.limit.rows:
            return None  # lowered since: running out of memory once more would take TensorFlow 10 s
        try:
            ranking = await self._calls.predict(predictor, columns)
        except RowsRefused as error:
            return None if rows > 1 else await self._rejection(predictor, error)
        except OutOfMemory as error:
            self.limit.lower(rows)
            return None if rows > 1 else await self._second_try(predictor, columns, limit, error)
        self.limit.went_through(rows)
        return ranking

    async def _second_try(
        self, predictor: Predictor, columns: Columns, limit: int, error: OutOfMemory
    ) -> TopK | RejectedRecord:
        """The answer about a row that memory did not suffice for; it may have been short for a moment only."""
        if not await self._calls.answers(predictor):
            raise ModelUnavailable(f"the device's memory does not hold a single row: {error}") from error
        try:
            return await self._calls.predict(predictor, columns)
        except RowsRefused as refused:
            return await self._rejection(predictor, refused)
        except OutOfMemory as again:
            self.limit.restore(limit)
            return RejectedRecord(Reason.MODEL_ERROR, f"the device's memory does not hold this record: {again}")

    async def _rejection(self, predictor: Predictor, error: RowsRefused) -> RejectedRecord:
        """The verdict on a row that was refused alone; ModelUnavailable when the model refuses a good one too."""
        # A model that fails for everything must not send the whole topic to the dead letters.
        if not await self._calls.answers(predictor):
            raise ModelUnavailable(f"the model refuses records, and its warm-up row too: {error}") from error
        return RejectedRecord(Reason.MODEL_ERROR, f"the model refuses this record: {error}")


def _rows(columns: Columns, start: int, stop: int | None) -> dict[str, npt.NDArray[Any]]:
    return {name: column[start:stop] for name, column in columns.items()}


def _expired(part: Slice[Rows], now_ms: float) -> Mapping[int, RejectedRecord]:
    expiry = part.block.expiry
    return {} if expiry is None else expiry.expired(part.start, part.stop, now_ms)


def _merge(slices: Sequence[Slice[Rows]]) -> Columns:
    return _joined([_taken(part) for part in slices])


def _taken(part: Slice[Rows]) -> Columns:
    columns = part.block.columns
    return columns if len(part) == height(columns) else _rows(columns, part.start, part.stop)


def _joined(parts: Sequence[Columns]) -> Columns:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

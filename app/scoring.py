"""Run merged batches through the model, off the event loop, and find out who is to blame when one fails."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from app.batching import Slice
from app.codecs.json import RowGroup
from app.errors import ModelFailed, Reason, RejectedRecord
from models.errors import RowsRefused
from models.predictor import Columns, Predictor, TopK


@dataclass(frozen=True, slots=True)
class Scored:
    """What the model said about consecutive rows.

    Attributes:
        ranking: the rows that were not refused, in order; None when all were.
        refused: the rows, counted from 0, that the model refuses also when they are alone.
    """

    ranking: TopK | None
    refused: Mapping[int, RejectedRecord]


class Scorer:
    """The batcher's runner: one model call per batch, in a thread.

    Args:
        predictor: the model.
        executor: the threads that wait for it.
        on_call: told of the seconds that each call took.
    """

    def __init__(self, predictor: Predictor, executor: Executor, on_call: Callable[[float], None]) -> None:
        self._predictor = predictor
        self._executor = executor
        self._on_call = on_call

    async def __call__(self, slices: Sequence[Slice[RowGroup]]) -> list[Scored]:
        """Score the rows of all slices together; one answer per slice.

        Raises:
            ModelUnavailable: the model is at fault, not the rows.
            ModelFailed: the model refuses its warm-up row too, or answers for another number of rows.
        """
        columns = _merge(slices)
        try:
            whole = Scored(await self._predict(columns), {})
        except RowsRefused as error:
            whole = await self._one_by_one(columns, error)
        return _split(whole, [len(part) for part in slices])

    async def _predict(self, columns: Columns) -> TopK:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            ranking = await loop.run_in_executor(self._executor, self._predictor.predict, columns)
        finally:
            self._on_call(loop.time() - began)
        if len(ranking.scores) != _height(columns):
            # Whoever split such an answer would give records the scores of others.
            raise ModelFailed(f"the model was given {_height(columns)} rows and answered for {len(ranking.scores)}")
        return ranking

    async def _one_by_one(self, columns: Columns, error: RowsRefused) -> Scored:
        rows = _height(columns)
        if rows == 1:
            return _assemble([await self._rejection(error)])
        return _assemble([await self._alone(_rows(columns, row, row + 1)) for row in range(rows)])

    async def _alone(self, row: Columns) -> TopK | RejectedRecord:
        try:
            return await self._predict(row)
        except RowsRefused as error:
            return await self._rejection(error)

    async def _rejection(self, error: RowsRefused) -> RejectedRecord:
        """The verdict on a row that was refused alone; ModelFailed when the model refuses a good one too."""
        # A model that fails for everything must not send the whole topic to the dead letters.
        loop = asyncio.get_running_loop()
        if not await loop.run_in_executor(self._executor, self._predictor.answers):
            raise ModelFailed(f"the model refuses records, and its warm-up row too: {error}") from error
        return RejectedRecord(Reason.MODEL_ERROR, f"the model refuses this record: {error}")


def _height(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def _rows(columns: Columns, start: int, stop: int) -> dict[str, npt.NDArray[Any]]:
    return {name: column[start:stop] for name, column in columns.items()}


def _merge(slices: Sequence[Slice[RowGroup]]) -> Columns:
    parts = [_rows(part.block.columns, part.start, part.stop) for part in slices]
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _split(whole: Scored, heights: Sequence[int]) -> list[Scored]:
    if len(heights) == 1:
        return [whole]
    scored: list[Scored] = []
    start = answered = 0
    for height in heights:
        refused = {row - start: why for row, why in whole.refused.items() if start <= row < start + height}
        kept = height - len(refused)
        scored.append(Scored(_cut(whole.ranking, answered, answered + kept), refused))
        start += height
        answered += kept
    return scored


def _cut(ranking: TopK | None, start: int, stop: int) -> TopK | None:
    if ranking is None or start == stop:
        return None
    labels = None if ranking.labels is None else ranking.labels[start:stop]
    return TopK(ranking.scores[start:stop], ranking.indices[start:stop], ranking.finite[start:stop], labels)


def _assemble(answers: Sequence[TopK | RejectedRecord]) -> Scored:
    refused = {row: answer for row, answer in enumerate(answers) if isinstance(answer, RejectedRecord)}
    rankings = [answer for answer in answers if isinstance(answer, TopK)]
    return Scored(_join(rankings) if rankings else None, refused)


def _join(rankings: Sequence[TopK]) -> TopK:
    labels = [ranking.labels for ranking in rankings if ranking.labels is not None]
    return TopK(
        np.concatenate([ranking.scores for ranking in rankings]),
        np.concatenate([ranking.indices for ranking in rankings]),
        np.concatenate([ranking.finite for ranking in rankings]),
        np.concatenate(labels) if labels else None,
    )

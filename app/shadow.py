"""A version that scores the same records as the one that serves, and is only compared with it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
from aiokafka import TopicPartition

from app.agreement import Agreement, agreement, named
from app.batching import Batcher, Part
from app.codecs.json import RowGroup
from app.errors import ModelFailed
from app.ranker import Ranker
from app.records import Incoming, Outgoing
from app.scoring import Rows, Scored
from models.predictor import TopK

T = TypeVar("T")

Publish = Callable[[int, Sequence[Outgoing]], Awaitable[int]]
"""Publishes records that come from an input partition, and returns how many of them the broker refused."""


class ShadowObserver(Protocol):
    """Who counts what the shadow does."""

    def model_ranked(self, role: str, outcome: str, rows: int) -> None:
        """The `shadow` has `ranked`, `refused` or `dropped` rows, or some of its rankings stay `unpublished`."""

    def shadow_agrees(self, agreement: Agreement) -> None:
        """Rows were compared."""


class Shadow:
    """Scores rows once they are ranked, as far as there is room; nobody waits for it.

    Args:
        ranker: the version.
        batcher: of its own.
        executor: the thread in which it reads records, where the version that serves takes other inputs.
        observer: counts.
        on_failure: told when it cannot go on.
        publish: where its rankings go; None: nowhere.
        finite: whether rows with a score that is not finite count as refused.
        max_rows: rows that it may hold; a chunk that comes alone may have more.
        max_bytes: the same for bytes.
        longest_seconds: for reading or scoring one chunk.
    """

    def __init__(
        self,
        ranker: Ranker,
        batcher: Batcher[Rows, Scored],
        executor: Executor,
        *,
        observer: ShadowObserver,
        on_failure: Callable[["Shadow", Exception], None],
        publish: Publish | None,
        finite: bool,
        max_rows: int,
        max_bytes: int,
        longest_seconds: float,
    ) -> None:
        self.ranker = ranker
        self._batcher = batcher
        self._executor = executor
        self._observer = observer
        self._on_failure = on_failure
        self._publish = publish
        self._finite = finite
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._longest = longest_seconds
        self._rows = self._bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def offer(
        self,
        tp: TopicPartition,
        served: Ranker,
        records: Sequence[Incoming],
        group: RowGroup,
        parts: Sequence[Part[Scored]],
    ) -> None:
        """Score the rows of *group* too, unless there is no room.

        Args:
            tp: where *records* came from.
            served: the version that has ranked them.
            records: among them those of the group.
            group: rows.
            parts: what that version said of them.
        """
        rows, nbytes = len(group.ids), group.nbytes
        if self._closed:
            return
        if self._rows and (self._rows + rows > self._max_rows or self._bytes + nbytes > self._max_bytes):
            self._count("dropped", rows)
            return
        self._rows += rows
        self._bytes += nbytes
        task = asyncio.get_running_loop().create_task(self._follow(tp, served, records, group, parts))
        self._tasks.add(task)
        task.add_done_callback(partial(self._followed, rows, nbytes))

    def _followed(self, rows: int, nbytes: int, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._rows -= rows
        self._bytes -= nbytes
        if not task.cancelled() and isinstance(error := task.exception(), Exception) and not self._closed:
            self._on_failure(self, error)

    def _count(self, outcome: str, rows: int) -> None:
        if rows:
            self._observer.model_ranked("shadow", outcome, rows)

    def close(self) -> None:
        """Leave off; a call of the model that runs is not waited for."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        self._executor.shutdown(wait=False, cancel_futures=True)

    # -- one group's way

    async def _follow(
        self,
        tp: TopicPartition,
        served: Ranker,
        records: Sequence[Incoming],
        group: RowGroup,
        parts: Sequence[Part[Scored]],
    ) -> None:
        answered = _answered(parts)
        if not answered:
            return
        ranking = _ranking(parts)
        mine = [records[group.positions[row]] for row in answered]
        same = served.predictor.signature.inputs == self.ranker.predictor.signature.inputs
        origin = f"{tp.topic}-{tp.partition}"
        groups = [_rows(group, answered)] if same else await self._in_time(self._decode(mine, origin))
        for each in groups:
            rows, rankings = await self._in_time(self._score(each))
            if rows:
                places = [each.positions[row] for row in rows]
                self._compare(served, ranking.take(places), rankings)
                await self._show(tp, [mine[place] for place in places], [each.ids[row] for row in rows], rankings)

    async def _in_time(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            async with asyncio.timeout(self._longest):
                return await work
        except TimeoutError:
            raise ModelFailed(f"it had not scored a chunk after {self._longest:g} s") from None

    async def _decode(self, records: Sequence[Incoming], origin: str) -> Sequence[RowGroup]:
        decode = self.ranker.decoder.decode
        decoded = await asyncio.get_running_loop().run_in_executor(self._executor, decode, records, origin)
        self._count("refused", len(decoded.rejected))
        return decoded.groups

    async def _score(self, group: RowGroup) -> tuple[Sequence[int], TopK]:
        """Return which rows of *group* the shadow has ranked, and how."""
        block = Rows(group.columns, self.ranker.predictor)
        parts = await self._batcher.submit(block, rows=len(group.ids), nbytes=group.nbytes, key=group.shape_key)
        answered, ranking = _answered(parts), _ranking(parts)
        if self._finite:
            finite = np.flatnonzero(ranking.finite).tolist()
            answered, ranking = [answered[row] for row in finite], ranking.take(finite)
        self._count("ranked", len(answered))
        self._count("refused", len(group.ids) - len(answered))
        return answered, ranking

    def _compare(self, served: Ranker, one: TopK, other: TopK) -> None:
        """Compare the rankings of the same rows, by the version that serves and by the shadow."""
        if not one.scores.shape[1] or not other.scores.shape[1]:
            return
        labels, shadows = served.predictor.labels, self.ranker.predictor.labels
        if one.labels is None and other.labels is None and _alike(labels, shadows):
            self._observer.shadow_agrees(agreement(one.indices, other.indices))
        else:
            self._observer.shadow_agrees(agreement(named(one, labels), named(other, shadows)))

    async def _show(
        self, tp: TopicPartition, records: Sequence[Incoming], ids: Sequence[str | int], ranking: TopK
    ) -> None:
        if self._publish is None:
            return
        values = self.ranker.encoder.encode(ids, ranking)
        written = [(record, value) for record, value in zip(records, values, strict=True) if isinstance(value, bytes)]
        outgoing = self.ranker.records.predictions(tp, *zip(*written, strict=True)) if written else []
        self._count("unpublished", len(values) - len(written) + await self._publish(tp.partition, outgoing))


def _answered(parts: Sequence[Part[Scored]]) -> list[int]:
    """The rows that were not refused, in order."""
    return [
        row for part in parts for row in range(part.start, part.stop) if row - part.start not in part.result.refused
    ]


def _ranking(parts: Sequence[Part[Scored]]) -> TopK:
    """The rankings of these."""
    return TopK.join([part.result.ranking for part in parts if part.result.ranking is not None])


def _rows(group: RowGroup, rows: Sequence[int]) -> RowGroup:
    """Those *rows* of a group, at positions of their own."""
    columns = group.columns
    if len(rows) < len(group.ids):
        columns = {name: column[list(rows)] for name, column in columns.items()}
    return RowGroup(range(len(rows)), [group.ids[row] for row in rows], columns, group.shape_key, group.nbytes)


def _alike(one: Sequence[str] | None, other: Sequence[str] | None) -> bool:
    if one is None or other is None:
        return one is other
    return len(one) == len(other) and all(map(str.__eq__, one, other))

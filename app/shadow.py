"""A version that scores the same records as the one that serves, and is only compared with it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from aiokafka import TopicPartition

from app.agreement import Agreement, agreement, named
from app.batching import Batcher, Part
from app.codecs.json import JsonDecoder, RowGroup
from app.codecs.prediction import PredictionEncoder
from app.patrol import Patrol
from app.ranker import Ranker
from app.ranking import Ranked
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
        patrol: of its calls.
        executor: the thread in which it does its work.
        observer: counts.
        on_failure: told when it cannot go on.
        publish: where its rankings go; None: nowhere.
        finite: whether rows with a score that is not finite count as refused.
        max_rows: rows that it may hold; a chunk that comes alone may have more.
        max_bytes: the same for bytes.
    """

    def __init__(
        self,
        ranker: Ranker,
        batcher: Batcher[Rows, Scored],
        patrol: Patrol,
        executor: Executor,
        *,
        observer: ShadowObserver,
        on_failure: Callable[["Shadow", Exception], None],
        publish: Publish | None,
        finite: bool,
        max_rows: int,
        max_bytes: int,
    ) -> None:
        self.ranker = ranker
        self._batcher = batcher
        self._patrol = patrol
        self._executor = executor
        self._observer = observer
        self._on_failure = on_failure
        self._publish = publish
        self._finite = finite
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._rows = self._bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def offer(self, tp: TopicPartition, served: Ranker, there: Ranked) -> None:
        """Score rows too that have a ranking, unless there is no room.

        Args:
            tp: where they came from.
            served: the version that has ranked them.
            there: what it said.
        """
        group = there.group
        ranked = [row for row, outcome in enumerate(there.outcomes) if isinstance(outcome, bytes)]
        if self._closed or not ranked:
            return
        same = served.predictor.signature.inputs == self.ranker.predictor.signature.inputs
        # Records are kept only where they are needed: they are acknowledged, and nobody else counts their bytes.
        mine = [there.records[group.positions[row]] for row in ranked] if self._publish is not None or not same else []
        rows, nbytes = len(group.ids), group.nbytes + sum(len(record.value or b"") for record in mine)
        if self._rows and (self._rows + rows > self._max_rows or self._bytes + nbytes > self._max_bytes):
            self._count("dropped", len(ranked))
            return
        self._rows += rows
        self._bytes += nbytes
        rows_of = _rows(group, ranked) if same else None
        work = partial(self._follow, tp, served, mine, rows_of, _ranking(there.parts, ranked))
        task = asyncio.get_running_loop().create_task(self._patrol.wait_for(work))
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
        """Leave off, at once."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        self.ranker.predictor.give_up()
        self._executor.shutdown(wait=False, cancel_futures=True)

    # -- one group's way

    async def _follow(
        self,
        tp: TopicPartition,
        served: Ranker,
        mine: Sequence[Incoming],
        group: RowGroup | None,
        ranking: Callable[[], TopK],
    ) -> None:
        """Score rows, or the records that they come from, and compare that with the *ranking* of the other version."""
        groups = [group] if group is not None else await self._decode(mine, f"{tp.topic}-{tp.partition}")
        for each in groups:
            rows, rankings = await self._score(each)
            if not rows:
                continue
            places = [each.positions[row] for row in rows]
            if found := await self._in_thread(self._compared, served, ranking, places, rankings):
                self._observer.shadow_agrees(found)
            if self._publish is not None:
                ids = [each.ids[row] for row in rows]
                await self._show(self._publish, tp, [mine[place] for place in places], ids, rankings)

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        # Not on the event loop: comparing and writing thousands of labels takes longer than ranking them.
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)

    async def _decode(self, records: Sequence[Incoming], origin: str) -> Sequence[RowGroup]:
        decoded = await self._in_thread(cast(JsonDecoder, self.ranker.decoder).decode, records, origin)
        self._count("refused", len(decoded.rejected))
        return decoded.groups

    async def _score(self, group: RowGroup) -> tuple[Sequence[int], TopK]:
        """Return which rows of *group* the shadow has ranked, and how."""
        block = Rows(group.columns, self.ranker.predictor)
        parts = await self._batcher.submit(block, rows=len(group.ids), nbytes=group.nbytes, key=group.shape_key)
        answered = _answered(parts)
        ranking = TopK.join([part.result.ranking for part in parts if part.result.ranking is not None])
        if self._finite:
            finite = np.flatnonzero(ranking.finite).tolist()
            answered, ranking = [answered[row] for row in finite], ranking.take(finite)
        self._count("ranked", len(answered))
        self._count("refused", len(group.ids) - len(answered))
        return answered, ranking

    def _compared(
        self, served: Ranker, ranking: Callable[[], TopK], places: Sequence[int], other: TopK
    ) -> Agreement | None:
        """Compare the rankings of the same rows, by the version that serves and by the shadow."""
        try:
            one = ranking().take(places)
        except ValueError:
            return None  # the version that serves says something about other classes in every batch
        if not one.scores.shape[1] or not other.scores.shape[1]:
            return None
        labels, shadows = served.predictor.labels, self.ranker.predictor.labels
        if one.labels is None and other.labels is None and _alike(labels, shadows):
            return agreement(one.indices, other.indices)
        return agreement(named(one, labels), named(other, shadows))

    async def _show(
        self,
        publish: Publish,
        tp: TopicPartition,
        records: Sequence[Incoming],
        ids: Sequence[str | int],
        ranking: TopK,
    ) -> None:
        values = await self._in_thread(cast(PredictionEncoder, self.ranker.encoder).encode, ids, ranking)
        written = [(record, value) for record, value in zip(records, values, strict=True) if isinstance(value, bytes)]
        outgoing = self.ranker.records.predictions(tp, *zip(*written, strict=True)) if written else []
        self._count("unpublished", len(values) - len(written) + await publish(tp.partition, outgoing))


def _answered(parts: Sequence[Part[Scored]]) -> list[int]:
    """The rows that were not refused, in order."""
    return [
        row for part in parts for row in range(part.start, part.stop) if row - part.start not in part.result.refused
    ]


def _ranking(parts: Sequence[Part[Scored]], rows: Sequence[int]) -> Callable[[], TopK]:
    """What says how *rows*, none of which was refused, are ranked in *parts*; it may raise ValueError."""

    def ranking() -> TopK:
        joined = TopK.join([part.result.ranking for part in parts if part.result.ranking is not None])
        scored = {row: place for place, row in enumerate(_answered(parts))}
        return joined.take([scored[row] for row in rows])

    return ranking


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

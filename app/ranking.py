"""The way of records through one version of the model: decode, batch, predict, encode."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from app.batching import Batcher, Part
from app.codecs.json import JsonDecoder, RowGroup
from app.codecs.prediction import PredictionEncoder
from app.freshness import Expiry, Freshness
from app.outcome import Outcome
from app.ranker import Ranker
from app.records import Incoming
from app.scoring import Rows, Scored


@dataclass(frozen=True, slots=True)
class Ranked:
    """Rows that were ranked together.

    Attributes:
        records: among them those of the rows.
        group: the rows.
        parts: what the model said of them.
        outcomes: what became of each.
    """

    records: Sequence[Incoming]
    group: RowGroup
    parts: Sequence[Part[Scored]]
    outcomes: Sequence[Outcome]


_Answer = tuple[Sequence[Part[Scored]], list[Outcome]]


class RecordRanking(Protocol):
    """A way of records through one version of the model."""

    async def rank(
        self,
        records: Sequence[Incoming],
        origin: str,
        ranker: Ranker,
        on_ranked: Callable[[Ranked], None] | None = None,
    ) -> list[Outcome]:
        """Return what becomes of each of *records*, in order."""


class Ranking:
    """Rank the classes of each record.

    Args:
        batcher: merges rows and runs the model.
        freshness: says until when records are worth it.
        stage_took: told of the seconds that each of `decode` and `encode` took.
    """

    def __init__(
        self, batcher: Batcher[Rows, Scored], freshness: Freshness, stage_took: Callable[[str, float], None]
    ) -> None:
        self._batcher = batcher
        self._freshness = freshness
        self._stage_took = stage_took

    async def rank(
        self,
        records: Sequence[Incoming],
        origin: str,
        ranker: Ranker,
        on_ranked: Callable[[Ranked], None] | None = None,
    ) -> list[Outcome]:
        """Return what becomes of each of *records*, in order.

        Args:
            records: of one partition.
            origin: its `topic-partition`.
            ranker: the version.
            on_ranked: told of each group of rows, once all rankings are written.

        Raises:
            ModelFailed: the model is at fault itself.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        decoded = cast(JsonDecoder, ranker.decoder).decode(records, origin)
        self._stage_took("decode", clock() - began)
        ranked = await self._all(decoded.groups, ranker, self._freshness.of(records))
        if on_ranked is not None:
            for group, (parts, answers) in zip(decoded.groups, ranked, strict=True):
                on_ranked(Ranked(records, group, parts, answers))
        if len(ranked) == 1 and not decoded.rejected:
            return ranked[0][1]
        outcomes: dict[int, Outcome] = dict(decoded.rejected)
        for group, (_, answers) in zip(decoded.groups, ranked, strict=True):
            outcomes.update(zip(group.positions, answers, strict=True))
        return [outcomes[place] for place in range(len(records))]

    async def _all(self, groups: Sequence[RowGroup], ranker: Ranker, expiry: Expiry | None) -> list[_Answer]:
        if len(groups) == 1:
            return [await self._rank(groups[0], ranker, expiry)]
        ranking = [asyncio.ensure_future(self._rank(group, ranker, expiry)) for group in groups]
        try:
            return await asyncio.gather(*ranking)
        finally:
            for each in ranking:
                each.cancel()  # when one failed, all is ranked anew

    async def _rank(self, group: RowGroup, ranker: Ranker, expiry: Expiry | None) -> _Answer:
        parts = await self._batcher.submit(
            Rows(group.columns, ranker.predictor, None if expiry is None else expiry.take(group.positions)),
            rows=len(group.ids),
            nbytes=group.nbytes,
            key=(ranker, group.shape_key),
        )
        clock = asyncio.get_running_loop().time
        began = clock()
        outcomes: list[Outcome] = []
        for part in parts:
            outcomes += _encoded(
                cast(PredictionEncoder, ranker.encoder), group.ids[part.start : part.stop], part.result
            )
        self._stage_took("encode", clock() - began)
        return parts, outcomes


def _encoded(encoder: PredictionEncoder, ids: Sequence[str | int], scored: Scored) -> list[Outcome]:
    if not scored.refused:
        return [] if scored.ranking is None else list(encoder.encode(ids, scored.ranking))
    answered = [place for place in range(len(ids)) if place not in scored.refused]
    outcomes: dict[int, Outcome] = dict(scored.refused)
    if scored.ranking is not None:
        values = encoder.encode([ids[place] for place in answered], scored.ranking)
        outcomes.update(zip(answered, values, strict=True))
    return [outcomes[place] for place in range(len(ids))]

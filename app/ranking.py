"""The way of records through one version of the model: decode, batch, predict, encode."""

import asyncio
from collections.abc import Callable, Sequence

from app.batching import Batcher, Part
from app.codecs.json import RowGroup
from app.codecs.prediction import PredictionEncoder
from app.lane import Outcome
from app.ranker import Ranker
from app.records import Incoming
from app.scoring import Rows, Scored

OnScored = Callable[[Sequence[Incoming], RowGroup, Sequence[Part[Scored]]], None]
"""Told of records, rows of theirs and what the model said of these."""


class Ranking:
    """Rank records.

    Args:
        batcher: merges rows and runs the model.
        stage_took: told of the seconds that each of `decode` and `encode` took.
    """

    def __init__(self, batcher: Batcher[Rows, Scored], stage_took: Callable[[str, float], None]) -> None:
        self._batcher = batcher
        self._stage_took = stage_took

    async def rank(
        self, records: Sequence[Incoming], origin: str, ranker: Ranker, on_scored: OnScored | None = None
    ) -> list[Outcome]:
        """Return what becomes of each of *records*, in order.

        Args:
            records: of one partition.
            origin: its `topic-partition`.
            ranker: the version.
            on_scored: told once the rankings are written.

        Raises:
            ModelFailed: the model is at fault itself.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        decoded = ranker.decoder.decode(records, origin)
        self._stage_took("decode", clock() - began)
        if len(decoded.groups) == 1 and not decoded.rejected:
            return await self._rank(records, decoded.groups[0], ranker, on_scored)
        outcomes: dict[int, Outcome] = dict(decoded.rejected)
        ranked = await asyncio.gather(*(self._rank(records, group, ranker, on_scored) for group in decoded.groups))
        for group, answers in zip(decoded.groups, ranked, strict=True):
            outcomes.update(zip(group.positions, answers, strict=True))
        return [outcomes[place] for place in range(len(records))]

    async def _rank(
        self, records: Sequence[Incoming], group: RowGroup, ranker: Ranker, on_scored: OnScored | None
    ) -> list[Outcome]:
        parts = await self._batcher.submit(
            Rows(group.columns, ranker.predictor),
            rows=len(group.ids),
            nbytes=group.nbytes,
            key=(ranker, group.shape_key),
        )
        clock = asyncio.get_running_loop().time
        began = clock()
        outcomes: list[Outcome] = []
        for part in parts:
            outcomes += _encoded(ranker.encoder, group.ids[part.start : part.stop], part.result)
        self._stage_took("encode", clock() - began)
        if on_scored is not None:
            on_scored(records, group, parts)
        return outcomes


def _encoded(encoder: PredictionEncoder, ids: Sequence[str | int], scored: Scored) -> list[Outcome]:
    if not scored.refused:
        return [] if scored.ranking is None else list(encoder.encode(ids, scored.ranking))
    answered = [place for place in range(len(ids)) if place not in scored.refused]
    outcomes: dict[int, Outcome] = dict(scored.refused)
    if scored.ranking is not None:
        values = encoder.encode([ids[place] for place in answered], scored.ranking)
        outcomes.update(zip(answered, values, strict=True))
    return [outcomes[place] for place in range(len(ids))]

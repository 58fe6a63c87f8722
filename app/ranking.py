"""The way of records through one version of the model: decode, batch, predict, encode."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from app.asking import Parts, ask
from app.batching import Batcher
from app.codecs.json import JsonDecoder, RowGroup
from app.codecs.prediction import PredictionEncoder
from app.freshness import Freshness
from app.outcome import Outcome
from app.ranker import Ranker
from app.records import Incoming
from app.scoring import Rows, Scored
from app.tracing.current import row_spans


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
    parts: Parts
    outcomes: Sequence[Outcome]


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
        answers = await ask(self._batcher, decoded.groups, ranker, self._freshness.of(records), row_spans(records))
        encoded = [self._encode(*each, ranker) for each in zip(decoded.groups, answers, strict=True)]
        if on_ranked is not None:
            for group, parts, mine in zip(decoded.groups, answers, encoded, strict=True):
                on_ranked(Ranked(records, group, parts, mine))
        if len(encoded) == 1 and not decoded.rejected:
            return encoded[0]
        outcomes: dict[int, Outcome] = dict(decoded.rejected)
        for group, mine in zip(decoded.groups, encoded, strict=True):
            outcomes.update(zip(group.positions, mine, strict=True))
        return [outcomes[place] for place in range(len(records))]

    def _encode(self, group: RowGroup, parts: Parts, ranker: Ranker) -> list[Outcome]:
        clock = asyncio.get_running_loop().time
        began = clock()
        outcomes: list[Outcome] = []
        for part in parts:
            outcomes += _encoded(
                cast(PredictionEncoder, ranker.encoder), group.ids[part.start : part.stop], part.result
            )
        self._stage_took("encode", clock() - began)
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

"""The way of records with candidates through one version of the model: each candidate is scored, each list ranked."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from app.asking import ask
from app.batching import Batcher
from app.codecs.candidates import CandidateDecoder, DecodedLists, portions
from app.codecs.list_prediction import ListEncoder, ScoredList
from app.codecs.whole_lists import WholeListDecoder
from app.errors import RejectedRecord
from app.freshness import Expiry, Freshness
from app.list_scores import ListScores, answer_of
from app.outcome import Outcome
from app.ranker import Ranker
from app.ranking import Ranked
from app.records import Incoming
from app.scoring import Rows, Scored
from app.tracing.current import row_spans
from app.tracing.rows import RowSpans


class CandidateObserver(Protocol):
    """Who counts candidates."""

    def stage_took(self, stage: str, seconds: float) -> None:
        """Records went through `decode` or `encode`."""

    def candidates(self, outcome: str, count: int) -> None:
        """Candidates were `ranked`, or `dropped` for their own faults."""


class CandidateRanking:
    """Rank records by the scores of their candidates; see `app.ranking.Ranking`.

    Args:
        batcher: merges candidates and runs the model.
        observer: counts.
        freshness: says until when records are worth it.
        whole: whether a row is a whole list, and its scores those of the candidates.
        drop: whether a candidate that has no score is left out, instead of the record.
        finite: whether a score that is NaN or infinite counts as none.
    """

    def __init__(
        self,
        batcher: Batcher[Rows, Scored],
        observer: CandidateObserver,
        freshness: Freshness,
        *,
        whole: bool,
        drop: bool,
        finite: bool,
    ) -> None:
        self._batcher = batcher
        self._observer = observer
        self._freshness = freshness
        self._whole = whole
        self._drop = drop
        self._finite = finite

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
            ranker: the version; its decoder and encoder are those of lists.
            on_ranked: never told: a shadow compares classes only.

        Raises:
            ModelFailed: the model is at fault itself.
        """
        clock = asyncio.get_running_loop().time
        decoder = cast(CandidateDecoder | WholeListDecoder, ranker.decoder)
        outcomes: list[Outcome] = []
        began = clock()
        # One after the other, so that the rows of few records are in memory at once, whatever they hold.
        for some, decoded in portions(decoder, records, origin):
            self._observer.stage_took("decode", clock() - began)
            scores = await self._scored(decoded, ranker, self._freshness.of(some), row_spans(some))
            began = clock()
            outcomes += self._outcomes(decoded, scores, ranker)
            self._observer.stage_took("encode", clock() - began)
            began = clock()
        return outcomes

    def _outcomes(self, decoded: DecodedLists, scores: ListScores, ranker: Ranker) -> list[Outcome]:
        outcomes: dict[int, Outcome] = dict(decoded.rejected)
        lists: dict[int, ScoredList] = {}
        for place in decoded.lists:
            listed = scores.listed(place, drop=self._drop)
            if isinstance(listed, RejectedRecord):
                outcomes[place] = listed
            else:
                lists[place] = listed
        values = cast(ListEncoder, ranker.encoder).encode([*lists.values()], decoded.ids, scores.table)
        outcomes.update(zip(lists, values, strict=True))
        written = [each for each, value in zip(lists.values(), values, strict=True) if isinstance(value, bytes)]
        self._observer.candidates("ranked", sum(len(each.rows) for each in written))
        self._observer.candidates("dropped", sum(each.dropped for each in written))
        return [outcomes[place] for place in range(decoded.taken)]

    async def _scored(
        self, decoded: DecodedLists, ranker: Ranker, expiry: Expiry | None, spans: RowSpans | None
    ) -> ListScores:
        if not self._whole:
            expiry = None if expiry is None else expiry.take(_owners(decoded))
            spans = None if spans is None else spans.take(_owners(decoded))
        said = await ask(self._batcher, decoded.groups, ranker, expiry, spans)
        answers = [
            answer_of(
                group,
                parts,
                column=ranker.score_column,
                width=cast(int, group.shape_key) if self._whole else None,
            )
            for group, parts in zip(decoded.groups, said, strict=True)
        ]
        return ListScores(decoded, answers, whole=self._whole, finite=self._finite)


def _owners(decoded: DecodedLists) -> npt.NDArray[np.intp]:
    """The place of each candidate's record."""
    owners = np.zeros(len(decoded.ids), np.intp)
    for place, listed in decoded.lists.items():
        owners[listed.start : listed.stop] = place
    return owners

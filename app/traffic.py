"""Which version of the model ranks which records of a chunk."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from app.canary import Canary
from app.errors import ModelFailed, RejectedRecord
from app.kafka.chunk import Chunk
from app.outcome import Outcome, Outcomes
from app.ranker import Ranker
from app.ranking import RecordRanking
from app.records import Incoming, RecordFactory
from app.shadow import Shadow


class Rankers(Protocol):
    """Who decides which version of the model serves."""

    @property
    def current(self) -> Ranker:
        """What the next chunk is ranked with."""

    def ranked(
        self, records: Sequence[Incoming], outcomes: Sequence[Outcome], ranker: Ranker, *, again: bool = False
    ) -> None:
        """Records of a chunk were ranked, or refused, by a version that serves or did; *again*: the canary had them."""

    def instead_of(self, ranker: Ranker, error: ModelFailed) -> Ranker | None:
        """What to rank with where *ranker* is at fault itself; None: there is nothing."""


class Beside(Protocol):
    """Who decides what ranks beside it."""

    @property
    def canary(self) -> Canary | None:
        """What ranks some of the records in its stead."""

    @property
    def shadow(self) -> Shadow | None:
        """What is compared with it."""

    def canary_ranked(self, canary: Canary, ranked: int, refused: int, wrongly: int) -> None:
        """The canary has ranked records and refused others, some *wrongly*: the version that serves has ranked them."""

    def canary_failed(self, canary: Canary, error: ModelFailed) -> None:
        """The canary is at fault itself."""


_Answers = dict[int, tuple[Outcome, RecordFactory]]


class Traffic:
    """Shares the records of a chunk out, and puts together what becomes of them.

    Args:
        rankers: which version serves.
        beside: what ranks beside it.
        ranking: the way of records through the one that serves.
    """

    def __init__(self, rankers: Rankers, beside: Beside, ranking: RecordRanking) -> None:
        self._rankers = rankers
        self._beside = beside
        self._ranking = ranking

    async def outcomes(self, chunk: Chunk) -> Outcomes:
        """Return what becomes of each record of *chunk*.

        Raises:
            ModelFailed: the version that serves is at fault itself, and there is none to take its place.
        """
        canary = self._beside.canary
        theirs = canary.places(chunk) if canary is not None else []
        if canary is None or not theirs:
            outcomes, factory = await self._serve(chunk, chunk)
            return Outcomes(outcomes, (factory,) * len(chunk))
        others = sorted(set(range(len(chunk))).difference(theirs))
        trying = asyncio.ensure_future(self._try(canary, chunk, theirs))
        try:
            answers = await self._serve_some(chunk, others)
            tried = await trying
        finally:
            trying.cancel()
        again = await self._serve_some(chunk, [place for place in theirs if place not in (tried or ())], again=True)
        if tried is not None:
            wrongly = sum(not isinstance(each, RejectedRecord) for each, _ in again.values())
            self._beside.canary_ranked(canary, len(tried), len(again), wrongly)
        answers |= (tried or {}) | again
        together = [answers[place] for place in range(len(chunk))]
        return Outcomes([outcome for outcome, _ in together], [factory for _, factory in together])

    async def _try(self, canary: Canary, chunk: Chunk, places: Sequence[int]) -> _Answers | None:
        """What the canary has ranked of the records at *places*; None when it is at fault itself."""
        try:
            outcomes = await canary.rank([chunk[place] for place in places], _origin(chunk))
        except ModelFailed as error:
            self._beside.canary_failed(canary, error)
            return None
        factory = canary.ranker.records
        return {
            place: (outcome, factory)
            for place, outcome in zip(places, outcomes, strict=True)
            if not isinstance(outcome, RejectedRecord)
        }

    async def _serve_some(self, chunk: Chunk, places: Sequence[int], *, again: bool = False) -> _Answers:
        if not places:
            return {}
        outcomes, factory = await self._serve(chunk, [chunk[place] for place in places], again=again)
        return {place: (outcome, factory) for place, outcome in zip(places, outcomes, strict=True)}

    async def _serve(
        self, chunk: Chunk, records: Sequence[Incoming], *, again: bool = False
    ) -> tuple[list[Outcome], RecordFactory]:
        """What the version that serves says of *records* of the chunk, and who makes what is published of that."""
        ranker = self._rankers.current
        while True:
            shadow = self._beside.shadow
            on_ranked = None if shadow is None else partial(shadow.offer, chunk.tp, ranker)
            try:
                outcomes = await self._ranking.rank(records, _origin(chunk), ranker, on_ranked)
            except ModelFailed as error:
                if (other := self._rankers.instead_of(ranker, error)) is None:
                    raise
                ranker = other
            else:
                self._rankers.ranked(records, outcomes, ranker, again=again)
                return outcomes, ranker.records


def _origin(chunk: Chunk) -> str:
    return f"{chunk.tp.topic}-{chunk.tp.partition}"

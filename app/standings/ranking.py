"""The way of records about members of groups through one version of the model, up to their scores."""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np

from app.asking import ask
from app.batching import Batcher
from app.codecs.json import RowGroup
from app.codecs.members import DecodedMembers, HeadWriter, MemberDecoder
from app.codecs.prediction import score_texts
from app.codecs.verdict import refusal
from app.errors import Reason, RejectedRecord
from app.freshness import Freshness
from app.list_scores import Answer, answer_of
from app.outcome import MemberScore, Outcome
from app.ranker import Ranker
from app.ranking import Ranked
from app.records import Incoming
from app.scoring import Rows, Scored
from app.standings.entry import number_of
from app.tracing.current import row_spans


class StandingsRanking:
    """Score records; their groups' rankings are made where they are published, see `app.standings.table`.

    Args:
        batcher: merges rows and runs the model.
        freshness: says until when records are worth it.
        stage_took: told of the seconds that each of `decode` and `encode` took.
        finite: whether a score that is NaN or infinite counts as none.
    """

    def __init__(
        self,
        batcher: Batcher[Rows, Scored],
        freshness: Freshness,
        stage_took: Callable[[str, float], None],
        *,
        finite: bool,
    ) -> None:
        self._batcher = batcher
        self._freshness = freshness
        self._stage_took = stage_took
        self._finite = finite

    async def rank(
        self,
        records: Sequence[Incoming],
        origin: str,
        ranker: Ranker,
        on_ranked: Callable[[Ranked], None] | None = None,
    ) -> list[Outcome]:
        """Return what becomes of each of *records*, in order: a score where there is one.

        Args:
            records: of one partition.
            origin: its `topic-partition`.
            ranker: the version; its decoder and encoder are those of standings.
            on_ranked: never told: a shadow compares classes only.

        Raises:
            ModelFailed: the model is at fault itself.
        """
        clock = asyncio.get_running_loop().time
        began = clock()
        decoded = cast(MemberDecoder, ranker.decoder).decode(records, origin)
        self._stage_took("decode", clock() - began)
        answers = await ask(self._batcher, decoded.groups, ranker, self._freshness.of(records), row_spans(records))
        began = clock()
        outcomes: dict[int, Outcome] = dict(decoded.rejected)
        outcomes.update(decoded.over)
        for group, parts in zip(decoded.groups, answers, strict=True):
            answer = answer_of(group, parts, column=ranker.score_column, width=None)
            outcomes.update(zip(group.positions, self._outcomes(group, answer, decoded, ranker), strict=True))
        self._stage_took("encode", clock() - began)
        return [outcomes[place] for place in range(len(records))]

    def _outcomes(self, group: RowGroup, answer: Answer, decoded: DecodedMembers, ranker: Ranker) -> list[Outcome]:
        if answer.table is None:
            return [answer.refused[row] for row in range(len(group.ids))]
        refused = dict(answer.refused)
        scores = answer.table[:, 0]
        if self._finite and scores.dtype.kind == "f":
            for row in np.flatnonzero(~np.isfinite(scores)).tolist():
                refused.setdefault(row, refusal(Reason.NON_FINITE_SCORE, f"the score is {scores[row]}"))
        whose = [decoded.index[place] for place in group.positions]
        names = [decoded.members.groups[index] for index in whose]
        heads = cast(HeadWriter, ranker.encoder).heads(group.ids, names)
        outcomes: list[Outcome] = []
        for row, (index, head, text) in enumerate(zip(whose, heads, score_texts(scores), strict=True)):
            if row in refused:
                outcomes.append(refused[row])
            elif isinstance(head, RejectedRecord):
                outcomes.append(head)
            else:
                number = float(scores[row]) if text == b"null" else number_of(text)
                members = decoded.members
                outcomes.append(
                    MemberScore(names[row], members.members[index], text, number, members.orders[index], head)
                )
        return outcomes

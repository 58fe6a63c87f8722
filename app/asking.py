"""Ask the model about groups of rows, in batches that they share with others."""

import asyncio
from collections.abc import Sequence
from typing import TypeAlias

from app.batching import Batcher, Part
from app.codecs.json import RowGroup
from app.freshness import Expiry
from app.ranker import Ranker
from app.scoring import Rows, Scored
from app.tracing.rows import RowSpans

Parts: TypeAlias = Sequence[Part[Scored]]
"""What the model said of the rows of a group, in their order."""


async def ask(
    batcher: Batcher[Rows, Scored],
    groups: Sequence[RowGroup],
    ranker: Ranker,
    expiry: Expiry | None,
    spans: RowSpans | None,
) -> list[Parts]:
    """Return what *ranker* says of each of *groups*.

    Args:
        batcher: merges rows and runs the model.
        groups: whose positions are rows of *expiry* and *spans*.
        ranker: the version.
        expiry: until when the rows are worth it; None: for ever.
        spans: of the records that the rows belong to; None: nothing is traced.

    Raises:
        ModelFailed: the model is at fault itself.
    """
    if len(groups) == 1:
        return [await _ask(batcher, groups[0], ranker, expiry, spans)]
    asking = [asyncio.ensure_future(_ask(batcher, group, ranker, expiry, spans)) for group in groups]
    try:
        return await asyncio.gather(*asking)
    finally:
        for each in asking:
            each.cancel()  # when one failed, all is ranked anew


async def _ask(
    batcher: Batcher[Rows, Scored],
    group: RowGroup,
    ranker: Ranker,
    expiry: Expiry | None,
    spans: RowSpans | None,
) -> Parts:
    return await batcher.submit(
        Rows(
            group.columns,
            ranker.predictor,
            None if expiry is None else expiry.take(group.positions),
            None if spans is None else spans.take(group.positions),
        ),
        rows=len(group.ids),
        nbytes=group.nbytes,
        key=(ranker, group.shape_key),
    )

"""Rank what stands in a file, in its order."""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, cast

from app.errors import RejectedRecord
from app.from_thread import from_thread
from app.kafka.chunk import Chunk
from app.lane import Work
from app.lines import Block, blocks
from app.outcome import Outcome, Outcomes
from app.ranker import Ranker
from app.ranking import RecordRanking
from app.standings.table import Table

_CHUNK = 512
# Enough that a batch is there whenever the model is free.
_AHEAD = 8


@dataclass(slots=True)
class Count:
    """How many records were ranked and refused, and how many bytes they had."""

    ranked: int = 0
    refused: int = 0
    read_bytes: int = 0


async def score(
    source: IO[bytes],
    origin: str,
    ranking: RecordRanking,
    ranker: Ranker,
    *,
    output: IO[bytes],
    refused: IO[bytes],
    max_bytes: int,
    on_progress: Callable[[Count], None],
    standings: Table | None = None,
) -> Count:
    """Rank the records of *source* and write their rankings to *output*, in order.

    Args:
        source: one record a line.
        origin: what records without an id are called, with the number of their line.
        ranking: ranks.
        ranker: the version of the model.
        output: gets a ranking a line.
        refused: gets a line for each record that has none.
        max_bytes: of a line; longer ones are refused.
        on_progress: told from time to time.
        standings: what records about members of groups make their rankings in, if that is how they are ranked.

    Raises:
        ModelFailed: the model is at fault itself.
        OSError: something cannot be read or written.
    """
    count = Count()
    running: deque[tuple[Block, asyncio.Task[list[Outcome]]]] = deque()
    there = from_thread(blocks(source, _CHUNK, max_bytes))

    async def following() -> Block | None:
        return await anext(there, None)

    reading: asyncio.Task[Block | None] | None = asyncio.ensure_future(following())
    try:
        while reading is not None or running:
            waits: list[asyncio.Task[Any]] = [task for _, task in list(running)[:1]]
            if reading is not None and len(running) < _AHEAD:
                waits.append(reading)
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if reading is not None and reading.done() and len(running) < _AHEAD:
                block, reading = reading.result(), None
                if block is not None:
                    ranked = ranking.rank(cast(Chunk, block.records), origin, ranker)
                    running.append((block, asyncio.ensure_future(ranked)))
                    reading = asyncio.ensure_future(following())
            while running and running[0][1].done():
                block, task = running.popleft()
                if standings is not None:
                    standings.settle([Work(cast(Chunk, block.records), cast(asyncio.Task[Outcomes], task), id)])
                _write(block, task.result(), output, refused, count)
                on_progress(count)
    finally:
        for _, task in running:
            task.cancel()
        if reading is not None:
            reading.cancel()
    return count


def _write(block: Block, outcomes: list[Outcome], output: IO[bytes], refused: IO[bytes], count: Count) -> None:
    rankings = [outcome for outcome in outcomes if isinstance(outcome, bytes)]
    refusals = sum(isinstance(outcome, RejectedRecord) for outcome in outcomes)
    output.writelines(ranking + b"\n" for ranking in rankings)
    output.flush()
    if refusals:
        for record, outcome in zip(block.records, outcomes, strict=True):
            if isinstance(outcome, RejectedRecord):
                refused.write(_told(record.offset, outcome))
        refused.flush()
    count.ranked += len(rankings)
    count.refused += refusals
    count.read_bytes = block.end


def _told(line: int, why: RejectedRecord) -> bytes:
    about = {"line": line, "stage": why.stage, "reason": why.reason, "message": why.message}
    return json.dumps(about).encode() + b"\n"

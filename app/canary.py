"""A version that ranks the records of some keys, to be seen at work before it ranks all."""

import asyncio
from collections.abc import Sequence
from zlib import crc32

from app.errors import ModelFailed
from app.kafka.chunk import Chunk
from app.lane import Outcome
from app.ranker import Ranker
from app.ranking import Ranking
from app.records import Incoming
from app.tally import Tally

# Whoever waits for a chunk of the canary's waits for the whole partition; well before the watchdog calls that stuck.
LONGEST_SECONDS = 30.0
_HASHES = 1 << 32


class Canary:
    """Ranks its share of the keys, and is never the reason that a record gets no ranking.

    Args:
        ranker: the version.
        ranking: its way, with batches of its own.
        share: of the keys, from 0 to 1.
        longest_seconds: for one chunk's records.
    """

    def __init__(
        self, ranker: Ranker, ranking: Ranking, *, share: float, longest_seconds: float = LONGEST_SECONDS
    ) -> None:
        self.ranker = ranker
        self.share = share
        self.tally = Tally()
        self._ranking = ranking
        self._below = round(share * _HASHES)
        self._longest = longest_seconds

    def places(self, chunk: Chunk) -> list[int]:
        """Return the places in *chunk* of the records that are the canary's.

        Those of one key always are or never are; of records without a key, those of some offsets.
        """
        below, partition = self._below, chunk.tp.partition
        return [
            place
            for place, record in enumerate(chunk)
            if crc32(record.key if record.key is not None else b"%d-%d" % (partition, record.offset)) < below
        ]

    async def rank(self, records: Sequence[Incoming], origin: str) -> list[Outcome]:
        """Return what the canary says of each of *records*, as `Ranking.rank` does.

        Raises:
            ModelFailed: whatever went wrong.
        """
        try:
            async with asyncio.timeout(self._longest):
                return await self._ranking.rank(records, origin, self.ranker)
        except TimeoutError:
            raise ModelFailed(f"it had not ranked a chunk after {self._longest:g} s") from None
        except ModelFailed:
            raise
        except Exception as error:
            raise ModelFailed(str(error) or type(error).__name__) from error

"""A version that ranks the records of some keys, to be seen at work before it ranks all."""

from collections.abc import Callable, Sequence
from zlib import crc32

from app.errors import ModelFailed
from app.kafka.chunk import Chunk
from app.outcome import Outcome
from app.patrol import Patrol
from app.ranker import Ranker
from app.ranking import RecordRanking
from app.records import Incoming
from app.tally import Tally

_HASHES = 1 << 32


class Canary:
    """Ranks its share of the keys, and is never the reason that a record gets no ranking.

    Args:
        ranker: the version.
        ranking: its way, with batches of its own.
        patrol: of its calls.
        share: of the keys, from 0 to 1.
        on_gone: told when it has left and ranks nothing any more.
    """

    def __init__(
        self,
        ranker: Ranker,
        ranking: RecordRanking,
        patrol: Patrol,
        *,
        share: float,
        on_gone: Callable[[], None] = lambda: None,
    ) -> None:
        self.ranker = ranker
        self.share = share
        self.tally = Tally()
        self._ranking = ranking
        self._patrol = patrol
        self._on_gone = on_gone
        self._below = round(share * _HASHES)
        self._left = False
        self._busy = 0

    def places(self, chunk: Chunk) -> list[int]:
        """Return the places in *chunk* of the records that are the canary's.

        Those of one key always are or never are; of records without a key, or with an empty one, those of some offsets.
        """
        below, partition = self._below, chunk.tp.partition
        return [
            place
            for place, record in enumerate(chunk)
            if crc32(record.key or b"%d-%d" % (partition, record.offset)) < below
        ]

    async def rank(self, records: Sequence[Incoming], origin: str) -> list[Outcome]:
        """Return what the canary says of each of *records*, as `Ranking.rank` does.

        Raises:
            ModelFailed: whatever went wrong.
        """
        self._busy += 1
        try:
            return await self._patrol.wait_for(lambda: self._ranking.rank(records, origin, self.ranker))
        except ModelFailed:
            raise
        except Exception as error:
            raise ModelFailed(str(error) or type(error).__name__) from error
        finally:
            self._busy -= 1
            self._let_go()

    def leave(self) -> None:
        """Give up what it has, at once."""
        self._left = True
        self._patrol.end()
        self.ranker.predictor.give_up()
        self._let_go()

    def _let_go(self) -> None:
        if self._left and not self._busy:
            self._on_gone()

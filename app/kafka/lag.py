"""How far the service is behind, asked of the broker itself."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from faust.types import TP

from app.kafka.transport import Consumer

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0
ANSWER_SECONDS = 5.0


class LagObserver(Protocol):
    """Who shows the lag."""

    def lag(self, topic: str, partition: int, records: int, seconds: float) -> None:
        """A partition's lag in records, and the age in seconds of the oldest record that waits."""

    def forget_lag(self, topic: str, partition: int) -> None:
        """The partition is not ours any more."""


@dataclass(frozen=True, slots=True)
class Lag:
    """One partition's distance from its end.

    Attributes:
        committed: the offset up to which everything is done; None before the first commit.
        end: the offset of the next record to be produced.
        records: how many wait.
        seconds: the age of the oldest that waits, 0 when none does.
    """

    committed: int | None
    end: int
    records: int
    seconds: float


class LagWatch:
    """Ask for the end offsets once a second, apart from fetching: when fetching stops, the lag must still be true.

    Args:
        consumer: whose partitions to watch.
        observer: who shows the lag.
        clock: seconds since the epoch.
    """

    def __init__(self, consumer: Consumer, observer: LagObserver, clock: Callable[[], float] = time.time) -> None:
        self._consumer = consumer
        self._observer = observer
        self._clock = clock
        self.partitions: dict[TP, Lag] = {}
        self.answered_at = asyncio.get_running_loop().time()
        self._waiting_since: dict[TP, float] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._look()
            await asyncio.sleep(INTERVAL_SECONDS)

    @property
    def silent_seconds(self) -> float:
        """How long the broker has not answered."""
        return asyncio.get_running_loop().time() - self.answered_at

    async def _look(self) -> None:
        watermarks = dict(self._consumer.watermarks)
        self._drop_foreign(set(watermarks))
        try:
            ends = await asyncio.wait_for(self._consumer.highwaters(*watermarks), ANSWER_SECONDS) if watermarks else {}
        except Exception as error:
            # Whatever the reason, the figures of the last answer stay and their age tells; `/readyz` names it.
            logger.debug("the broker does not tell its end offsets", extra={"error": repr(error)})
            self._age()
            return
        self.answered_at = asyncio.get_running_loop().time()
        for tp, end in ends.items():
            self._update(tp, end)

    def _drop_foreign(self, ours: set[TP]) -> None:
        for tp in set(self.partitions) - ours:
            del self.partitions[tp]
            self._waiting_since.pop(tp, None)
            self._observer.forget_lag(tp.topic, tp.partition)

    def _update(self, tp: TP, end: int) -> None:
        watermark = self._consumer.watermarks.get(tp)
        if watermark is None:
            return
        committed = self._consumer._committed_offset.get(tp)
        done = committed if committed is not None else watermark.start
        records = max(0, end - (done if done is not None else 0))
        self._show(tp, Lag(committed, end, records, self._age_of_oldest(tp, records, watermark.oldest_timestamp)))

    def _age(self) -> None:
        for tp, lag in list(self.partitions.items()):
            watermark = self._consumer.watermarks.get(tp)
            oldest = watermark.oldest_timestamp if watermark is not None else None
            self._show(tp, Lag(lag.committed, lag.end, lag.records, self._age_of_oldest(tp, lag.records, oldest)))

    def _age_of_oldest(self, tp: TP, records: int, timestamp_ms: int | None) -> float:
        if not records:
            self._waiting_since.pop(tp, None)
            return 0.0
        if timestamp_ms is not None:
            self._waiting_since[tp] = timestamp_ms / 1000
        # Nothing fetched: the record has waited at least since it was first seen to.
        return max(0.0, self._clock() - self._waiting_since.setdefault(tp, self._clock()))

    def _show(self, tp: TP, lag: Lag) -> None:
        self.partitions[tp] = lag
        self._observer.lag(tp.topic, tp.partition, lag.records, lag.seconds)

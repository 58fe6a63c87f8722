"""How far the service is behind, asked of the broker itself."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from aiokafka.errors import BrokerResponseError
from faust.types import TP

from app.kafka.consumer import Consumer

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
        done: the offset up to which everything is committed; before the first commit, where fetching began.
        end: the offset of the next record to be produced.
        records: how many wait.
        seconds: the age of the oldest that waits, 0 when none does.
    """

    done: int
    end: int
    records: int
    seconds: float


class _Oldest(NamedTuple):
    """Of the oldest record that waits: its offset, since when it has, and whether it may have for longer."""

    offset: int
    since: float
    older: bool


class LagWatch:
    """Ask for the end offsets once a second, apart from fetching: when fetching stops, the lag must still be true.

    Args:
        consumer: whose partitions to watch.
        ends: tells where partitions end, without its help; says nothing of those that nobody leads.
        topic: what it consumes.
        observer: who shows the lag.
        clock: seconds since the epoch.
        on_look: told after every look of the age of the oldest record that waits, 0 when none does.

    Attributes:
        partitions: the lag of each of the consumer's partitions.
        answered_at: when brokers answered last, on the event loop's clock.
        leaderless: those of the consumer's partitions that nobody led then.
    """

    def __init__(
        self,
        consumer: Consumer,
        ends: Callable[[Iterable[TP]], Awaitable[Mapping[TP, int]]],
        topic: str,
        observer: LagObserver,
        clock: Callable[[], float] = time.time,
        *,
        on_look: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._consumer = consumer
        self._ends = ends
        self._topic = topic
        self._observer = observer
        self._clock = clock
        self._on_look = on_look
        self.partitions: dict[TP, Lag] = {}
        self.answered_at = asyncio.get_running_loop().time()
        self.leaderless: list[TP] = []
        self._oldest: dict[TP, _Oldest] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._look()
            self._on_look(self.seconds)
            await asyncio.sleep(INTERVAL_SECONDS)

    @property
    def seconds(self) -> float:
        """The age of the oldest record that waits anywhere, 0 when none does."""
        return max((lag.seconds for lag in self.partitions.values()), default=0.0)

    @property
    def is_known(self) -> bool:
        """Whether the lag of every partition of ours is known, also in seconds: none may be older than it is shown."""
        older = {tp for tp, oldest in self._oldest.items() if oldest.older}
        return self.partitions.keys() - older >= self._consumer.assigned

    @property
    def silent_seconds(self) -> float:
        """How long the broker has not answered."""
        return asyncio.get_running_loop().time() - self.answered_at

    async def _look(self) -> None:
        ours = set(self._consumer.assigned)
        self._drop_foreign(ours)
        try:
            # Without a partition of our own we ask for another's, to see whether the broker answers.
            asked = ours or {TP(self._topic, 0)}
            async with asyncio.timeout(ANSWER_SECONDS):
                ends = await self._ends(asked)
        except Exception as error:
            # Whatever the reason, the figures of the last answer stay and their age tells; `/readyz` names it.
            logger.debug("the broker does not tell its end offsets", extra={"error": repr(error)})
            if isinstance(error, BrokerResponseError):
                self.answered_at = asyncio.get_running_loop().time()
            self.leaderless = []
            self._age(list(self.partitions))
            return
        self.answered_at = asyncio.get_running_loop().time()
        self.leaderless = sorted(ours - ends.keys())
        self._age(self.leaderless)
        for tp, end in ends.items():
            self._update(tp, end)

    def _drop_foreign(self, ours: set[TP]) -> None:
        for tp in set(self.partitions) - ours:
            del self.partitions[tp]
            self._oldest.pop(tp, None)
            self._observer.forget_lag(tp.topic, tp.partition)

    def _update(self, tp: TP, end: int) -> None:
        if tp not in self._consumer.assigned or (done := self._consumer.done_up_to(tp)) is None:
            return
        records = max(0, end - done)
        self._show(tp, Lag(done, end, records, self._seconds(tp, done, records)))

    def _age(self, tps: Iterable[TP]) -> None:
        for tp in tps:
            if (lag := self.partitions.get(tp)) is not None:
                self._show(tp, replace(lag, seconds=self._seconds(tp, lag.done, lag.records)))

    def _seconds(self, tp: TP, done: int, records: int) -> float:
        """The age of the record at the offset *done*, which is the oldest that waits."""
        if not records:
            self._oldest.pop(tp, None)
            return 0.0
        watermark = self._consumer.books.watermarks.get(tp)
        timestamp_ms = watermark.oldest_timestamp if watermark is not None else None
        if timestamp_ms is not None:
            self._oldest[tp] = _Oldest(done, timestamp_ms / 1000, older=False)
        elif tp not in self._oldest or self._oldest[tp].offset != done:
            # Not fetched yet, so its timestamp is unknown; it has waited at least since it was first seen to, and no
            # longer where it has come since the look before.
            before = self.partitions.get(tp)
            self._oldest[tp] = _Oldest(done, self._clock(), older=before is None or before.end > done)
        return max(0.0, self._clock() - self._oldest[tp].since)

    def _show(self, tp: TP, lag: Lag) -> None:
        self.partitions[tp] = lag
        self._observer.lag(tp.topic, tp.partition, lag.records, lag.seconds)

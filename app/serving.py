"""The parts that work on records together, once a worker has joined its group."""

from collections.abc import Sequence
from dataclasses import dataclass

from faust.types import TP

from app.kafka.consumer import Consumer
from app.kafka.lag import LagWatch
from app.kafka.topics import TopicWatch
from app.pipeline import Pipeline
from app.scoring import Scorer

# A broker that has not answered for this long makes the worker unready.
SILENT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Serving:
    """Who takes part."""

    consumer: Consumer
    pipeline: Pipeline
    scorer: Scorer
    lag: LagWatch
    topics: TopicWatch

    @property
    def trouble(self) -> str | None:
        """Why no records can be worked on now; None when they can."""
        if not self.consumer.joined:
            return "the consumer group is being rebalanced"
        return self.broker_trouble or self._leaderless or self._opening or self.pipeline.trouble or self.scorer.trouble

    @property
    def broker_trouble(self) -> str | None:
        """What is wrong outside of this process."""
        if self.topics.trouble is not None:
            return self.topics.trouble
        silent = self.lag.silent_seconds
        return f"the broker has not answered for {silent:.0f} s" if silent > SILENT_SECONDS else None

    @property
    def _leaderless(self) -> str | None:
        return _about("no broker leads", self.lag.leaderless)

    @property
    def _opening(self) -> str | None:
        return _about("opening", self.consumer.opening)

    def in_step(self, seconds: float) -> bool:
        """Whether it is known how long records have waited, and none has for so many *seconds*."""
        return self.lag.is_known and self.lag.seconds < seconds

    @property
    def waits(self) -> bool:
        """Whether there is something to work on, or nobody knows."""
        if not self.consumer.joined or self.consumer.app.in_flight.records:
            return True
        return any(lag.records for tp, lag in self.lag.partitions.items() if tp not in self.lag.leaderless)


def _about(what: str, tps: Sequence[TP]) -> str | None:
    return f"{what} {', '.join(f'{tp.topic}[{tp.partition}]' for tp in tps)}" if tps else None

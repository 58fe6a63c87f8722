"""Put together what ranks beside the version that serves, each with batches and threads of its own."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from app import collector
from app.assembly import make_ranking, make_target
from app.batching import Batcher
from app.canary import Canary
from app.catch_up import CatchUp
from app.errors import ServiceError
from app.kafka.producer import Producer
from app.kafka.routing import Router
from app.kafka.topics import TopicWatch
from app.limit import BatchLimit
from app.metrics import Metrics
from app.outbox import send
from app.patrol import Patrol
from app.ranker import Ranker
from app.records import Outgoing
from app.scoring import Scorer
from app.shadow import Shadow
from config.settings import Settings

if TYPE_CHECKING:
    from app.tracing.tracing import Tracing

logger = logging.getLogger(__name__)

# What the shadow may hold: enough for the rows of the next batches, so that it is never more than a moment behind.
_BATCHES = 4
_LARGEST_CHUNK = 512
_BYTES_SHARE = 4
# Whoever waits for the canary waits for the whole partition: well before the watchdog calls that stuck.
_LONGEST_SECONDS = 30.0
_PUBLISH_SECONDS = 30.0


class Sides:
    """Makes canary and shadow; implements `app.beside.Sides`.

    Args:
        settings: of the batches, and the shadow's topic.
        metrics: counts.
        producer: publishes the shadow's rankings, and nobody else's.
        router: picks their partitions.
        topics: knows whether the shadow's topic is there.
        catch_up: says when the canary need not keep to a target of latency; the shadow never does.
        tracing: makes spans of the canary's batches; the shadow's are no part of a record's way. None: nothing is
            traced.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        producer: Producer,
        router: Router,
        topics: TopicWatch,
        *,
        catch_up: CatchUp,
        tracing: "Tracing | None" = None,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._producer = producer
        self._router = router
        self._topics = topics
        self._catch_up = catch_up
        self._tracing = tracing

    def canary(self, ranker: Ranker) -> Canary:
        """Return the canary."""
        batch = self._settings.batch
        threads = ThreadPoolExecutor(batch.max_in_flight, thread_name_prefix="canary")

        def on_call(seconds: float) -> None:
            self._metrics.stage_took("predict", seconds)
            self._metrics.model_called("canary", seconds)
            if self._tracing is not None:
                self._tracing.called(seconds)

        scorer = Scorer(threads, on_call, limit=self._limit(ranker))

        def on_gone() -> None:
            threads.shutdown(wait=False, cancel_futures=True)
            collector.collect_soon()

        return Canary(
            ranker,
            make_ranking(
                self._settings,
                scorer,
                self._metrics,
                make_target(self._settings, self._catch_up),
                self._tracing,
            ),
            self._patrol(scorer),
            share=self._settings.model.canary_share,
            on_gone=on_gone,
        )

    def shadow(self, ranker: Ranker, on_failure: Callable[[Shadow, Exception], None]) -> Shadow:
        """Return the shadow."""
        batch, model, topic = self._settings.batch, self._settings.model, self._settings.kafka.shadow_topic
        thread = ThreadPoolExecutor(1, thread_name_prefix="shadow")
        limit = self._limit(ranker)
        max_rows, max_bytes = _BATCHES * max(batch.max_size, _LARGEST_CHUNK), batch.in_flight_max_bytes // _BYTES_SHARE
        scorer = Scorer(thread, lambda seconds: self._metrics.model_called("shadow", seconds), limit=limit)

        async def publish(source: int, records: Sequence[Outgoing]) -> int:
            try:
                if topic is None or not self._topics.has(topic):
                    return len(records)
                async with asyncio.timeout(_PUBLISH_SECONDS):
                    return len(await send(self._router, self._producer, topic, source, records))
            except (TimeoutError, ServiceError) as error:
                logger.warning("rankings of the shadow are not published", extra={"error": repr(error)})
                return len(records)

        return Shadow(
            ranker,
            # Whatever is let in here passes: the shadow itself sees to it that there is room.
            Batcher(scorer, limit=limit, max_in_flight=1, max_rows=1 << 62, max_bytes=1 << 62),
            self._patrol(scorer),
            thread,
            observer=self._metrics,
            on_failure=on_failure,
            publish=publish if topic else None,
            finite=model.non_finite == "reject",
            max_rows=max_rows,
            max_bytes=max_bytes,
        )

    def _patrol(self, scorer: Scorer) -> Patrol:
        longest = min(_LONGEST_SECONDS, self._settings.model.timeout_seconds / 2)
        return Patrol(lambda: scorer.longest_call_seconds, longest)

    def _limit(self, ranker: Ranker) -> BatchLimit:
        most = self._settings.batch.max_size
        return BatchLimit(min(most, ranker.predictor.largest_batch or most), on_lower=self._metrics.ran_out_of_memory)

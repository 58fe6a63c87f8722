"""Put together what ranks beside the version that serves, each with batches and threads of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from app.assembly import make_ranking
from app.batching import Batcher
from app.canary import Canary
from app.kafka.producer import Producer
from app.kafka.routing import Router
from app.limit import BatchLimit
from app.metrics import Metrics
from app.outbox import send
from app.ranker import Ranker
from app.records import Outgoing
from app.scoring import Scorer
from app.shadow import Shadow
from config.settings import Settings

# What the shadow may hold: enough for the rows of the next batches, so that it is never more than a moment behind.
_BATCHES = 4
_LARGEST_CHUNK = 512
_BYTES_SHARE = 4


class Sides:
    """Makes canary and shadow; implements `app.beside.Sides`.

    Args:
        settings: of the batches, and the shadow's topic.
        metrics: counts.
        producer: publishes the shadow's rankings, and nobody else's.
        router: picks their partitions.
    """

    def __init__(self, settings: Settings, metrics: Metrics, producer: Producer, router: Router) -> None:
        self._settings = settings
        self._metrics = metrics
        self._producer = producer
        self._router = router

    def canary(self, ranker: Ranker) -> Canary:
        """Return the canary."""
        batch = self._settings.batch
        threads = ThreadPoolExecutor(batch.max_in_flight, thread_name_prefix="canary")

        def on_call(seconds: float) -> None:
            self._metrics.stage_took("predict", seconds)
            self._metrics.model_called("canary", seconds)

        scorer = Scorer(threads, on_call, limit=self._limit(ranker))
        return Canary(ranker, make_ranking(batch, scorer, self._metrics), share=self._settings.model.canary_share)

    def shadow(self, ranker: Ranker, on_failure: Callable[[Shadow, Exception], None]) -> Shadow:
        """Return the shadow."""
        batch, model, topic = self._settings.batch, self._settings.model, self._settings.kafka.shadow_topic
        thread = ThreadPoolExecutor(1, thread_name_prefix="shadow")
        limit = self._limit(ranker)
        max_rows, max_bytes = _BATCHES * max(batch.max_size, _LARGEST_CHUNK), batch.in_flight_max_bytes // _BYTES_SHARE
        scorer = Scorer(thread, lambda seconds: self._metrics.model_called("shadow", seconds), limit=limit)

        async def publish(source: int, records: Sequence[Outgoing]) -> int:
            return len(await send(self._router, self._producer, str(topic), source, records))

        return Shadow(
            ranker,
            # Whatever is let in here passes: the shadow itself sees to it that there is room.
            Batcher(scorer, limit=limit, max_in_flight=1, max_rows=1 << 62, max_bytes=1 << 62),
            thread,
            observer=self._metrics,
            on_failure=on_failure,
            publish=publish if topic else None,
            finite=model.non_finite == "reject",
            max_rows=max_rows,
            max_bytes=max_bytes,
            longest_seconds=model.timeout_seconds,
        )

    def _limit(self, ranker: Ranker) -> BatchLimit:
        most = self._settings.batch.max_size
        return BatchLimit(min(most, ranker.predictor.largest_batch or most), on_lower=self._metrics.ran_out_of_memory)

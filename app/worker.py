"""One worker, from its settings to its exit status: what it is made of, how it starts and how it stops."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, cast

from faust.types import TP

from app import collector, heap
from app.assembly import (
    load_newest,
    load_predictor,
    local,
    make_catch_up,
    make_pipeline,
    make_ranking,
    make_scorer,
    make_standings,
    make_target,
)
from app.beside import Beside
from app.codecs.members import MemberDecoder
from app.errors import ServiceError, StartFailed, Stuck
from app.health import Health
from app.kafka.brokers import Brokers
from app.kafka.consumer import Consumer
from app.kafka.consuming import add_agent, make_app
from app.kafka.ends import EndOffsets
from app.kafka.idempotent import IdempotentProducer
from app.kafka.lag import LagWatch
from app.kafka.producers import producer_factory
from app.kafka.routing import Router
from app.kafka.transport import ChunkApp
from app.live.newest import Newest
from app.live.view import View
from app.metrics import Metrics
from app.pipeline import Pipeline
from app.progress import Progress
from app.rankers import make_ranker
from app.rollout import Rollout
from app.scoring import Scorer
from app.serving import Serving
from app.sides import Sides
from app.standings.conflation import LEAST_HOLD_SECONDS, MOST_HOLD_SECONDS, Conflation, Launch
from app.standings.standings import Standings
from app.standstill import Standstill, awake
from app.tracing.starting import start_tracing
from app.traffic import Traffic
from app.tryout import Tryout
from app.watchdog import STUCK_SECONDS, Watchdog
from app.web.server import WebServer
from config.settings import Settings
from models import temporary
from models.errors import ModelError
from models.predictor import Predictor
from models.remote import Mirror

if TYPE_CHECKING:
    from app.tracing.tracing import Tracing

logger = logging.getLogger(__name__)

# Kept back from the time to stop, for the last commit and for leaving the group; never more than half of it.
LEAVING_SECONDS = 3.0
# For the last spans, at most, and within what is left of the time to stop.
SPANS_SECONDS = 2.0
# Of lag, beside what is committed late on purpose: where there is less than that, there is time for other things.
IN_STEP_SECONDS = 1.0
# What cannot go on by itself will not finish either; others may.
STUCK_DRAIN_SECONDS = 1.0

Load = Callable[[Settings, Callable[[int], None]], Predictor]


def run(settings: Settings, load: Load = load_predictor) -> NoReturn:
    """Serve until a signal or a failure, and end the process with the exit status; *load* as for `Worker`."""
    heap.keep_buffers()
    asyncio.run(_serve_and_end(settings, load))


async def _serve_and_end(settings: Settings, load: Load) -> NoReturn:
    # From within the loop: cancelling and joining what a crashed consumer, a model call that hangs or a load that a
    # signal overtook have left behind could take for ever.
    _end_now(await Worker(settings, load).serve())


def _end_now(status: int) -> NoReturn:
    temporary.remove_all()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


class Worker:
    """Puts the parts together, starts them in order and stops them in reverse.

    Args:
        settings: what to serve.
        load: returns the model, warm; called in a thread, with whom to tell of rows that fill a batch up.
    """

    def __init__(self, settings: Settings, load: Load = load_predictor) -> None:
        self._settings = settings
        self._load = load
        self._metrics = Metrics()
        self._health = Health(settings)
        self._metrics.ready(lambda: self._health.unready() is None)
        self._newest = Newest()
        self._app: ChunkApp | None = None
        self._pipeline: Pipeline | None = None
        self._rollout: Rollout | None = None
        self._standings: Standings | None = None
        self._tracing: Tracing | None = None
        self._signal: signal.Signals | None = None
        self._watches: list[asyncio.Task[None]] = []

    # -- life

    async def serve(self) -> int:
        """Start, serve until a signal or a failure, stop; returns the exit status."""
        kafka, health = self._settings.kafka, self._health
        self._over = asyncio.Event()
        self._executor = ThreadPoolExecutor(self._settings.batch.max_in_flight, thread_name_prefix="model")
        self._progress = Progress()
        self._standstill = Standstill(kafka.session_timeout_ms / 1000, self._heard_at, self._end_after_standstill)
        try:
            self._tracing = start_tracing(
                os.environ, group=kafka.consumer_group, batch_rows=self._settings.batch.max_size
            )
            health.brokers = self._brokers = Brokers(self._settings, guard=self._standstill.check)
        except StartFailed as error:
            self._fail(error)
            return 1
        self._web = WebServer(
            self._metrics.registry,
            unready=health.unready,
            unhealthy=health.unhealthy,
            status=health.status,
            shown=View(self._settings, health, self._metrics.registry, self._newest),
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._look_for_versions)
        try:
            await self._start_or_be_stopped()
            await self._over.wait()
        except Exception as error:
            self._fail(error)
        return await self._stop()

    def _on_signal(self, number: signal.Signals) -> None:
        if self._signal is not None:
            logger.warning("second signal: ending at once", extra={"signal": number.name})
            _end_now(128 + number)
        self._signal = number
        logger.info("stopping", extra={"signal": number.name})
        self._over.set()

    def _look_for_versions(self) -> None:
        if self._health.rollout is not None:
            self._health.rollout.look_now()

    def _fail(self, error: BaseException) -> None:
        if self._health.failure is None:
            self._health.failure = error
            known = isinstance(error, ServiceError | ModelError)
            logger.error("cannot go on: %s", error, exc_info=None if known else error)
        self._over.set()

    def _heard_at(self) -> float:
        """When the last heartbeat left that was answered; as long as we are in no group, nobody else has our work."""
        return self._app.chunk_consumer.heard_at if self._app is not None else awake()

    def _end_after_standstill(self, seconds: float) -> None:
        # At once: what is in our hands may have been published by others meanwhile.
        logger.error(
            "stood still for longer than the group waits (KAFKA_SESSION_TIMEOUT_MS): ending at once",
            extra={"seconds": round(seconds, 1)},
        )
        _end_now(1)

    async def _start_or_be_stopped(self) -> None:
        start = asyncio.create_task(self._start())
        over = asyncio.create_task(self._over.wait())
        await asyncio.wait([start, over], return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if not start.done():
            start.cancel()
            # Bounded, because Faust's services swallow a cancellation now and then.
            await asyncio.wait([start], timeout=LEAVING_SECONDS)
        if start.done() and not start.cancelled():
            start.result()

    async def _start(self) -> None:
        port = await self._web.start(self._settings.http.host, self._settings.http.port)
        logger.info("listening", extra={"host": self._settings.http.host, "port": port})
        try:
            # Side by side: each takes seconds, and each may find something that stops the start.
            async with asyncio.TaskGroup() as group:
                group.create_task(self._brokers.connect())
                prepared = group.create_task(self._prepare())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        collector.spare()
        await self._join_group(*prepared.result())
        del self._health.waiting_for["start"]
        seconds = round(self._health.uptime_seconds, 2)
        logger.info("ready", extra={"group": self._settings.kafka.consumer_group, "seconds": seconds})

    async def _load_model(self) -> Predictor:
        waiting_for = self._health.waiting_for
        waiting_for["model"] = "loading the model"
        loop = asyncio.get_running_loop()
        try:
            self._settings, self._mirror = await loop.run_in_executor(self._executor, local, self._settings)
            predictor, self._refused = await loop.run_in_executor(
                self._executor, load_newest, self._settings, self._load_version
            )
        except ModelError:
            self._metrics.model_refused("failed")
            raise
        for number, why in self._refused.items():
            self._metrics.model_refused("failed")
            logger.error("a version of the model is not served: %s", why, extra={"version": str(number)})
        self._metrics.model_loaded(predictor)
        if predictor.device.startswith("gpu"):
            from models.device import memory_in_use

            self._metrics.gpu(predictor.device, lambda: memory_in_use(predictor.device))
        logger.info(
            "model loaded and warm",
            extra={"model": predictor.name, "version": predictor.version, "device": predictor.device},
        )
        del waiting_for["model"]
        return predictor

    def _load_version(self, settings: Settings) -> Predictor:
        return self._load(settings, self._metrics.padded)

    async def _prepare(self) -> tuple[Pipeline, Scorer, Rollout]:
        tracing = self._tracing
        scorer = make_scorer(
            self._settings,
            executor=self._executor,
            metrics=self._metrics,
            progress=self._progress,
            tracing=tracing,
        )
        self._health.catch_up = self._catch_up = make_catch_up(self._settings, self._metrics)
        predictor = await self._load_model()
        router = Router(self._brokers.client.partition_count, self._settings.kafka.input_topic)
        tryout = Tryout(self._settings, self._load_version, self._metrics, self._refused)
        producer = IdempotentProducer(self._brokers.client)
        sides = Sides(
            self._settings,
            self._metrics,
            producer,
            router,
            self._brokers.topics,
            catch_up=self._catch_up,
            tracing=tracing,
        )
        beside = Beside(self._settings.model.beside, tryout=tryout, sides=sides, observer=self._metrics)
        rollout = Rollout(
            self._settings,
            make_ranker(self._settings, predictor),
            tryout=tryout,
            beside=beside,
            limit=scorer.limit,
            observer=self._metrics,
            sync=None if self._mirror is None else _synced(self._mirror),
        )
        self._health.rollout = self._rollout = rollout
        self._metrics.versions(lambda: rollout.newer_refused, lambda: rollout.trouble is not None)
        self._health.waiting_for["model"] = "loading what ranks beside it"
        await rollout.begin()
        del self._health.waiting_for["model"]
        self._health.standings = self._standings = standings = self._make_standings()
        target = make_target(self._settings, self._catch_up)
        ranking = make_ranking(self._settings, scorer, self._metrics, target, tracing)
        self._pipeline = make_pipeline(
            self._settings,
            rank=Traffic(rollout, beside, ranking).outcomes,
            producer_for=producer_factory(self._brokers.client, self._settings.kafka, self._progress),
            router=router,
            metrics=self._metrics,
            on_lost=self._reopen,
            on_fenced=self._rejoin,
            on_failure=self._fail,
            standings=standings,
            conflation=None if standings is None else partial(self._make_conflation, rollout),
            on_published=self._newest.published,
            tracing=tracing,
        )
        return self._pipeline, scorer, rollout

    def _make_standings(self) -> Standings | None:
        if self._brokers.state_topic is None:
            return None
        return make_standings(self._settings, self._brokers.client, self._brokers.state_topic, self._metrics)

    def _make_conflation(self, rollout: Rollout, launch: Launch, whole_until: int) -> Conflation:
        return Conflation(
            lambda: cast(MemberDecoder, rollout.current.decoder),
            launch,
            self._consumer.books.leave_out,
            whole_until=whole_until,
            # What is nearly too old must not become it here.
            most_hold_seconds=LEAST_HOLD_SECONDS if self._settings.freshness.max_age_ms else MOST_HOLD_SECONDS,
        )

    async def _join_group(self, pipeline: Pipeline, scorer: Scorer, rollout: Rollout) -> None:
        self._health.waiting_for["start"] = "joining the consumer group"
        kafka = self._settings.kafka
        self._app = app = make_app(
            kafka,
            self._settings.batch,
            pipeline,
            credentials=self._brokers.security.faust_credentials,
            progress=self._progress,
            conflates=self._standings is not None and self._settings.standings.conflate,
        )
        add_agent(app, kafka.input_topic, pipeline.accept, self._fail)
        self._metrics.in_flight(lambda: app.in_flight.records)
        self._watch(self._watch_app(app))
        self._watch(self._standstill.run())
        await app.start()
        ends = EndOffsets(self._brokers.client)
        lag = LagWatch(app.chunk_consumer, ends, kafka.input_topic, self._metrics, on_look=self._look)
        self._health.serving = serving = Serving(app.chunk_consumer, pipeline, scorer, lag, self._brokers.topics)
        watchdog = Watchdog(
            serving,
            self._progress,
            model_timeout_seconds=self._settings.model.timeout_seconds,
            stuck_seconds=max(STUCK_SECONDS, 2 * app.conf.broker_rebalance_timeout),
            on_stuck=self._fail,
        )
        for watch in (lag.run(), self._brokers.topics.run(), watchdog.run(), rollout.run()):
            self._watch(watch)
        if self._standings is not None:
            self._watch(self._standings.run())

    def _look(self, lag_seconds: float) -> None:
        """Told of every look at the lag, once a second."""
        self._catch_up.look(lag_seconds)
        in_step_seconds = IN_STEP_SECONDS + self._settings.kafka.commit_interval_ms / 1000
        serving = self._health.serving
        if self._rollout and serving and serving.in_step(in_step_seconds) and self._health.unready() is None:
            self._rollout.has_time()
        topic = self._settings.kafka.input_topic
        self._metrics.input_partitions(topic, self._brokers.client.partition_count(topic))

    def _watch(self, watch: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(watch)
        task.add_done_callback(self._watch_ended)
        self._watches.append(task)

    def _watch_ended(self, watch: "asyncio.Task[None]") -> None:
        if not watch.cancelled() and (error := watch.exception()) is not None:
            self._fail(error)

    @property
    def _consumer(self) -> Consumer:
        assert self._app is not None  # noqa: S101 - whoever asks was told of partitions by it
        return self._app.chunk_consumer

    def _reopen(self, tp: TP) -> None:
        self._consumer.reopen(tp)

    def _rejoin(self, _tp: TP) -> None:
        self._consumer.rejoin()

    async def _watch_app(self, app: ChunkApp) -> None:
        await app.wait_until_stopped()
        self._fail(app.crash_reason or ServiceError("the consumer stopped by itself"))

    async def _stop(self) -> int:
        """Finish, confirm, commit, leave the group; returns the exit status."""
        self._health.waiting_for = {"stop": "stopping"}
        seconds = self._settings.service.shutdown_timeout_seconds
        until = asyncio.get_running_loop().time() + seconds
        leave = asyncio.create_task(self._leave())
        if not (await asyncio.wait([leave], timeout=seconds))[0]:
            # Not cancelled and waited for: whatever hangs might not let itself be cancelled either.
            logger.error("could not stop in time; what is unconfirmed stays uncommitted", extra={"seconds": seconds})
            _end_now(1)
        clean = False
        try:
            clean = leave.result()
        except (Exception, asyncio.CancelledError) as error:
            self._fail(error)
        await asyncio.gather(self._web.stop(), self._send_last_spans(until))
        self._executor.shutdown(wait=False, cancel_futures=True)
        status = 0 if clean and self._health.failure is None else 1
        logger.info("stopped", extra={"status": status})
        return status

    async def _send_last_spans(self, until: float) -> None:
        if self._tracing is not None:
            left = until - asyncio.get_running_loop().time()
            await self._tracing.close(max(0.0, min(SPANS_SECONDS, left)))

    async def _leave(self) -> bool:
        clean = True
        if self._rollout is not None:
            self._rollout.beside.close()  # nobody waits for what may hang
        if self._app is not None and self._pipeline is not None:
            self._pipeline.drain_seconds = self._drain_seconds()
            clean = await self._consumer.drain(for_good=True)
        for watch in self._watches:
            watch.cancel()
        if self._watches:
            await asyncio.wait(self._watches, timeout=LEAVING_SECONDS)
        try:
            if self._app is not None:
                await self._app.stop()
        finally:
            await self._brokers.client.stop()
        return clean

    def _drain_seconds(self) -> float:
        seconds = self._settings.service.shutdown_timeout_seconds
        most = seconds - min(LEAVING_SECONDS, seconds / 2)
        return min(most, STUCK_DRAIN_SECONDS) if isinstance(self._health.failure, Stuck) else most


def _synced(mirror: Mirror) -> Callable[[int, Collection[int]], None]:
    return lambda serving, refused: mirror.sync(serving=serving, refused=refused)

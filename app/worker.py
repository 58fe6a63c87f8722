"""One worker, from its settings to its exit status: what it is made of, how it starts and how it stops."""

import asyncio
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, TypeVar

from aiokafka.errors import KafkaError
from faust.types import TP

from app.assembly import load_predictor, make_pipeline
from app.errors import ServiceError
from app.kafka.client import Client
from app.kafka.consumer import Consumer
from app.kafka.consuming import add_agent, make_app
from app.kafka.lag import LagWatch
from app.kafka.producers import check_transactions
from app.kafka.transport import ChunkApp
from app.metrics import Metrics
from app.pipeline import Pipeline
from app.versions import installed_versions
from app.web.server import WebServer
from config.settings import Settings
from models.errors import ModelError
from models.predictor import Predictor

logger = logging.getLogger(__name__)

T = TypeVar("T")

# A broker that has not answered for this long makes the worker unready.
SILENT_SECONDS = 10.0
# Kept back from the time to stop, for the last commit and for leaving the group; never more than half of it.
LEAVING_SECONDS = 3.0
TOPIC_POLL_SECONDS = 1.0


def run(settings: Settings) -> NoReturn:
    """Serve until a signal or a failure, and end the process with the exit status."""
    asyncio.run(_serve_and_end(settings))


async def _serve_and_end(settings: Settings) -> NoReturn:
    # From within the loop: cancelling and joining what a crashed consumer, a model call that hangs or a load that a
    # signal overtook have left behind could take for ever.
    _end_now(await Worker(settings).serve())


def _end_now(status: int) -> NoReturn:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


class Worker:
    """Puts the parts together, starts them in order and stops them in reverse."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._metrics = Metrics()
        self._began = time.monotonic()
        self._waiting_for = {"start": "starting"}
        self._predictor: Predictor | None = None
        self._app: ChunkApp | None = None
        self._pipeline: Pipeline | None = None
        self._lag: LagWatch | None = None
        self._failure: BaseException | None = None
        self._signal: signal.Signals | None = None
        self._watches: list[asyncio.Task[None]] = []

    # -- life

    async def serve(self) -> int:
        """Start, serve until a signal or a failure, stop; returns the exit status."""
        self._executor = ThreadPoolExecutor(self._settings.batch.max_in_flight, thread_name_prefix="model")
        self._client = Client(self._settings.kafka.bootstrap_servers)
        self._over = asyncio.Event()
        self._web = WebServer(
            self._metrics.registry, unready=self.unready, unhealthy=self.unhealthy, status=self.status
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number)
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

    def _fail(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
            known = isinstance(error, ServiceError | ModelError)
            logger.error("cannot go on: %s", error, exc_info=None if known else error)
        self._over.set()

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
        topics = asyncio.create_task(self._find_topics())
        try:
            predictor = await self._load_model()
            # Before the wait for topics, since it may find settings that do not fit the model.
            self._pipeline = make_pipeline(
                self._settings,
                predictor,
                client=self._client,
                executor=self._executor,
                metrics=self._metrics,
                on_lost=self._reopen,
                on_fenced=self._rejoin,
                on_failure=self._fail,
            )
            await topics
        finally:
            topics.cancel()
            await asyncio.wait([topics])
        _spare_the_collector()
        await self._join_group(self._pipeline)
        del self._waiting_for["start"]
        seconds = round(time.monotonic() - self._began, 2)
        logger.info("ready", extra={"group": self._settings.kafka.consumer_group, "seconds": seconds})

    async def _load_model(self) -> Predictor:
        self._waiting_for["model"] = "loading the model"
        loop = asyncio.get_running_loop()
        try:
            predictor = await loop.run_in_executor(self._executor, load_predictor, self._settings)
        except ModelError:
            self._metrics.model_failed()
            raise
        self._metrics.model_loaded(predictor.name, predictor.version, predictor.device)
        logger.info(
            "model loaded and warm",
            extra={"model": predictor.name, "version": predictor.version, "device": predictor.device},
        )
        self._predictor = predictor
        del self._waiting_for["model"]
        return predictor

    async def _find_topics(self) -> None:
        self._waiting_for["broker"] = "waiting for a broker to answer"
        kafka = self._settings.kafka
        topics = [kafka.input_topic, kafka.output_topic, kafka.dead_letter_topic]
        named: list[str] = []
        await _until_it_works(self._client.start)
        if kafka.exactly_once:
            await _until_it_works(lambda: check_transactions(self._client))
        while missing := await _until_it_works(lambda: self._client.missing(topics)):
            if missing != named:
                logger.warning("waiting for topics that do not exist", extra={"missing": missing})
                named = missing
            self._waiting_for["broker"] = f"waiting for topics that do not exist: {', '.join(missing)}"
            await asyncio.sleep(TOPIC_POLL_SECONDS)
        await _until_it_works(lambda: self._client.watch(topics))
        del self._waiting_for["broker"]

    async def _join_group(self, pipeline: Pipeline) -> None:
        self._waiting_for["start"] = "joining the consumer group"
        app = make_app(self._settings.kafka, self._settings.batch, pipeline)
        add_agent(app, self._settings.kafka.input_topic, pipeline.accept, self._fail)
        self._metrics.in_flight(lambda: app.in_flight.records)
        self._app = app
        self._watches.append(asyncio.create_task(self._watch_app(app)))
        await app.start()
        self._lag = LagWatch(app.chunk_consumer, self._settings.kafka.input_topic, self._metrics)
        self._watches.append(asyncio.create_task(self._lag.run()))

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
        self._waiting_for = {"stop": "stopping"}
        seconds = self._settings.service.shutdown_timeout_seconds
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
        await self._web.stop()
        self._executor.shutdown(wait=False, cancel_futures=True)
        status = 0 if clean and self._failure is None else 1
        logger.info("stopped", extra={"status": status})
        return status

    async def _leave(self) -> bool:
        for watch in self._watches:
            watch.cancel()
        clean = True
        if self._app is not None and self._pipeline is not None:
            seconds = self._settings.service.shutdown_timeout_seconds
            self._pipeline.drain_seconds = seconds - min(LEAVING_SECONDS, seconds / 2)
            clean = await self._app.chunk_consumer.drain() and self._pipeline.finished
        try:
            if self._app is not None:
                await self._app.stop()
        finally:
            await self._client.stop()
        return clean

    # -- what the HTTP port tells

    def unready(self) -> str | None:
        """Why no records can be worked on now; None when they can."""
        if self._waiting_for:
            return "; ".join(self._waiting_for.values())
        if self._failure is not None:
            return f"failed: {self._failure}"
        if self._app is None or self._lag is None or not self._app.chunk_consumer.joined:
            return "the consumer group is being rebalanced"
        if self._lag.silent_seconds > SILENT_SECONDS:
            return f"the broker has not answered for {self._lag.silent_seconds:.0f} s"
        if opening := self._consumer.opening:
            return f"opening {', '.join(f'{tp.topic}[{tp.partition}]' for tp in opening)}"
        return self._pipeline.trouble if self._pipeline else None

    def unhealthy(self) -> str | None:
        """Why only a restart would help; None when it would not."""
        return None if self._failure is None else f"failed: {self._failure}"

    def status(self) -> dict[str, Any]:
        """Everything a person asks of a worker first."""
        predictor, lag = self._predictor, self._lag
        return {
            "ready": self.unready() is None,
            "reason": self.unready(),
            "uptime_seconds": round(time.monotonic() - self._began, 1),
            "versions": installed_versions(),
            "model": predictor
            and {
                "name": predictor.name,
                "version": predictor.version,
                "device": predictor.device,
                "signature": predictor.signature,
                "classes": predictor.classes,
            },
            "in_flight_records": self._app.in_flight.records if self._app else 0,
            "partitions": {f"{tp.topic}[{tp.partition}]": each for tp, each in sorted(lag.partitions.items())}
            if lag
            else {},
            "settings": self._settings.model_dump(mode="json"),
        }


def _spare_the_collector() -> None:
    """Keep Python's garbage collector from walking over TensorFlow's million objects again and again.

    Records come and go in thousands and die by reference count; at the default threshold of 700 new objects the
    collector would run for every few of them, which costs more than decoding them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


async def _until_it_works(attempt: Callable[[], Awaitable[T]]) -> T:
    backoff = 0.2
    while True:
        try:
            return await attempt()
        except (KafkaError, OSError) as error:
            logger.warning("no broker answers; trying again", extra={"error": str(error), "backoff_seconds": backoff})
        await asyncio.sleep(backoff)
        backoff = min(backoff * 2, 5.0)

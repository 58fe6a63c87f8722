"""Put the pipeline of one worker together from its settings."""

import os
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISDIR
from tempfile import gettempdir
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from faust.types import TP

from app import collector
from app.batching import Batcher
from app.candidates import CandidateRanking
from app.catch_up import CatchUp
from app.freshness import Freshness
from app.kafka.chunk import Chunk
from app.kafka.client import Client
from app.kafka.producers import ProducerFactory
from app.kafka.routing import Router
from app.kafka.state_topic import StateTopic
from app.limit import BatchLimit
from app.metrics import Metrics
from app.outbox import Outbox
from app.outcome import Outcomes
from app.pipeline import Pipeline, Published, to_nobody
from app.progress import Progress
from app.ranking import Ranking, RecordRanking
from app.scored import ordinary
from app.scoring import Scorer
from app.standings.conflation import Conflation, Launch
from app.standings.ranking import StandingsRanking
from app.standings.standings import Standings
from app.standings.table import Rules
from app.target import LatencyTarget, doubling
from config.settings import Settings
from models.errors import DeviceNotFound, ModelNotUsable, SizesOpen
from models.labels import read_labels
from models.predictor import Predictor
from models.remote import Mirror
from models.versions import LATEST, folders, resolve

if TYPE_CHECKING:
    from app.tracing.tracing import Tracing


def local(settings: Settings) -> tuple[Settings, Mirror | None]:
    """Return the settings with a model on this machine: a remote one is copied first, which blocks.

    Returns:
        The settings, and what keeps the copy up to date.

    Raises:
        ModelNotUsable: it cannot be copied.
    """
    model = settings.model
    if isinstance(model.path, Path):
        return settings, None
    cache, beside = model.cache_path or _own_cache(), tuple(model.beside.values())
    mirror = Mirror(model.path, cache, version=model.version, beside=beside, sha256=model.sha256)
    with _naming("MODEL_PATH"):
        return settings.model_copy(update={"model": model.model_copy(update={"path": mirror.fetch()})}), mirror


def _own_cache() -> Path:
    """A folder for copies that nobody else can have filled."""
    cache = Path(gettempdir(), f"streamrank-models-{os.getuid()}")
    cache.mkdir(mode=0o700, exist_ok=True)
    about = cache.lstat()
    if about.st_uid != os.getuid() or not S_ISDIR(about.st_mode) or about.st_mode & 0o022:
        raise ModelNotUsable(f"{cache} is not a folder of ours alone: remove it, or set MODEL_CACHE_PATH")
    return cache


def load_newest(settings: Settings, load: Callable[[Settings], Predictor]) -> tuple[Predictor, dict[int, str]]:
    """Load the newest version that can be served; blocks.

    Returns:
        The model, and why each newer version is not it.

    Raises:
        ModelNotUsable: none can be served; the message is about the newest.
    """
    model = settings.model
    there = _versions(settings)
    numbers = sorted(set(there).difference(model.beside.values()), reverse=True) if model.version == LATEST else []
    if there and not numbers and model.version == LATEST:
        asked = " and ".join(f"MODEL_{role.upper()}_VERSION={number}" for role, number in model.beside.items())
        raise ModelNotUsable(f"MODEL_PATH={model.path} holds no version to serve beside {asked}")
    refused: dict[int, ModelNotUsable] = {}
    for number in numbers:
        try:
            version = settings.model_copy(update={"model": model.model_copy(update={"version": str(number)})})
            return load(version), {refused_one: str(why) for refused_one, why in refused.items()}
        except (DeviceNotFound, SizesOpen):
            raise  # the settings are at fault, not the version
        except ModelNotUsable as error:
            refused[number] = error
    if refused:
        raise refused[max(refused)]
    return load(settings), {}


def _versions(settings: Settings) -> Collection[int]:
    try:
        return folders(Path(settings.model.path))
    except (OSError, ModelNotUsable):
        return ()  # whoever loads says what is wrong


def load_predictor(settings: Settings, on_padding: Callable[[int], None] = lambda _: None) -> Predictor:
    """Load and warm up the model; blocks for seconds.

    Args:
        settings: which model, and how.
        on_padding: told how many rows were added to a batch only to fill it up.

    Raises:
        ModelNotUsable: it cannot be loaded, or not as asked; the message names the variable to look at.
    """
    model = settings.model
    path = Path(model.path)
    # What needs no TensorFlow first: importing that takes seconds.
    with _naming(f"MODEL_PATH={path}"):
        resolve(path, model.version)
    if model.labels_path is not None:
        with _naming(f"MODEL_LABELS_PATH={model.labels_path}"):
            read_labels(model.labels_path)
    from models import saved_model  # noqa: F401 - the kind that is loaded most often; its import takes the time
    from models.loader import load
    from models.threads import make_room, use_threads

    collector.spare()
    with _naming(f"MODEL_INTRA_OP_THREADS={model.intra_op_threads}, MODEL_INTER_OP_THREADS={model.inter_op_threads}"):
        use_threads(intra_op=model.intra_op_threads, inter_op=model.inter_op_threads)
    if model.beside and model.inter_op_threads == 0:
        make_room(settings.batch.max_in_flight + 1)  # calls of the canary, and the shadow's
    others = {
        DeviceNotFound: f"MODEL_DEVICE={model.device}",
        SizesOpen: f"MODEL_XLA={model.xla} needs BATCH_ALLOWED_SIZES, such as 8,64,512",
    }
    with _naming(f"MODEL_PATH={path}", others):
        predictor = load(
            path,
            name=model.name,
            version=model.version,
            signature=model.signature,
            device=model.device,
            labels_path=model.labels_path,
            scores_output=model.scores_output,
            labels_output=model.labels_output,
            # Of candidates, those of other rows are picked: all scores of a row are needed.
            top_k=settings.rank.top_k if settings.rank.by == "classes" else 0,
            allowed_sizes=settings.batch.allowed_sizes,
            on_padding=on_padding,
            pad_value=model.pad_value,
            xla=model.xla == "on",
            gpu_memory_mb=model.gpu_memory_mb,
        )
        predictor.warm_up(settings.batch.max_size)
    return predictor


@contextmanager
def _naming(variable: str, others: Mapping[type[ModelNotUsable], str] = MappingProxyType({})) -> Iterator[None]:
    """Put the variable in front of an error's message: *variable*, or for some types of error one of the *others*."""
    try:
        yield
    except ModelNotUsable as error:
        raise type(error)(f"{others.get(type(error), variable)}: {error}") from error


def make_scorer(
    settings: Settings,
    *,
    executor: Executor,
    metrics: Metrics,
    progress: Progress,
    tracing: "Tracing | None" = None,
) -> Scorer:
    """Return what runs models in the threads of *executor*."""

    def on_call(seconds: float) -> None:
        metrics.stage_took("predict", seconds)
        metrics.model_called("serving", seconds)
        progress.moved()
        if tracing is not None:
            tracing.called(seconds)

    limit = BatchLimit(settings.batch.max_size, on_lower=metrics.ran_out_of_memory)
    metrics.batch_limit(lambda: limit.rows)
    return Scorer(executor, on_call, limit=limit, quick=True)


def make_pipeline(
    settings: Settings,
    *,
    rank: Callable[[Chunk], Coroutine[Any, Any, Outcomes]],
    producer_for: ProducerFactory,
    router: Router,
    metrics: Metrics,
    on_lost: Callable[[TP], None],
    on_fenced: Callable[[TP], None],
    on_failure: Callable[[BaseException], None],
    standings: Standings | None = None,
    conflation: Callable[[Launch, int], Conflation] | None = None,
    on_published: Published = to_nobody,
    tracing: "Tracing | None" = None,
) -> Pipeline:
    """Return the pipeline around *rank*; it runs on the current event loop."""
    kafka = settings.kafka
    return Pipeline(
        rank=rank,
        outbox=Outbox(
            router,
            output_topic=kafka.output_topic,
            dead_letter_topic=kafka.dead_letter_topic,
            state_topic=None if standings is None else standings.topic,
        ),
        producer_for=producer_for,
        observer=metrics,
        on_lost=on_lost,
        on_fenced=on_fenced,
        on_failure=on_failure,
        drain_seconds=kafka.session_timeout_ms / 1000 / 2,
        standings=standings,
        conflation=conflation if settings.standings.conflate else None,
        on_published=on_published,
        tracing=tracing,
    )


def make_standings(settings: Settings, client: Client, topic: StateTopic, metrics: Metrics) -> Standings:
    """Return the standings that *topic* keeps."""
    standings = Standings(standings_rules(settings), topic, client)
    metrics.standings(lambda: standings.groups, lambda: standings.members)
    return standings


def standings_rules(settings: Settings) -> Rules:
    """Return how standings are kept and shown."""
    return Rules(
        every_record=settings.standings.emit == "record",
        ttl_seconds=settings.standings.ttl_seconds,
        top_k=settings.rank.top_k,
        min_score=settings.rank.min_score,
    )


def make_catch_up(settings: Settings, metrics: Metrics) -> CatchUp:
    """Return what says when no target holds; without a target batches are as large as they can be anyway."""
    batch = settings.batch
    return CatchUp(batch.catch_up_seconds if batch.target_latency_ms else 0, metrics.catching_up)


def make_target(settings: Settings, catch_up: CatchUp) -> LatencyTarget | None:
    """Return what keeps latency to `BATCH_TARGET_LATENCY_MS`, if that is asked for, except during *catch_up*."""
    batch = settings.batch
    if not batch.target_latency_ms:
        return None
    return LatencyTarget(
        batch.target_latency_ms / 1000,
        sizes=batch.allowed_sizes or doubling(batch.max_size),
        padded=bool(batch.allowed_sizes),
        slots=batch.max_in_flight,
        suspended=lambda: catch_up.active,
    )


def make_ranking(
    settings: Settings,
    scorer: Scorer,
    metrics: Metrics,
    target: LatencyTarget | None = None,
    tracing: "Tracing | None" = None,
) -> RecordRanking:
    """Return the way of records through *scorer*, in batches that keep to *target* and are traced by *tracing*."""
    batch = settings.batch
    batcher = Batcher(
        scorer if tracing is None else tracing.batches(scorer),
        limit=scorer.limit,
        max_in_flight=batch.max_in_flight,
        max_delay_seconds=batch.max_delay_ms / 1000,
        max_rows=batch.in_flight_max_records,
        max_bytes=batch.in_flight_max_bytes,
        target=target,
        ordinary=ordinary,
        on_dispatch=metrics.dispatched,
    )
    freshness = Freshness(settings.freshness.max_age_ms, skip=settings.freshness.action == "skip")
    if settings.rank.by == "candidates":
        drop = settings.rank.candidate_errors == "drop_candidate"
        return CandidateRanking(
            batcher,
            metrics,
            freshness,
            whole=settings.rank.candidate_rows == "list",
            drop=drop,
            finite=settings.model.non_finite == "reject",
        )
    if settings.rank.by == "standings":
        finite = settings.model.non_finite == "reject"
        return StandingsRanking(batcher, freshness, metrics.stage_took, finite=finite)
    return Ranking(batcher, freshness, metrics.stage_took)

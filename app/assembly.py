"""Put the pipeline of one worker together from its settings."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from faust.types import TP

from app.batching import Batcher
from app.codecs.json import JsonDecoder, RowGroup
from app.codecs.prediction import PredictionEncoder
from app.kafka.producers import ProducerFactory
from app.kafka.routing import Router
from app.limit import BatchLimit
from app.metrics import Metrics
from app.outbox import Outbox
from app.pipeline import Pipeline
from app.progress import Progress
from app.records import RecordFactory
from app.scoring import Scored, Scorer
from config.settings import BatchSettings, Settings
from models.errors import DeviceNotFound, ModelNotUsable
from models.labels import read_labels
from models.predictor import Predictor
from models.versions import resolve


def load_predictor(settings: Settings) -> Predictor:
    """Load and warm up the model; blocks for seconds.

    Raises:
        ModelNotUsable: it cannot be loaded, or not as asked; the message names the variable to look at.
    """
    model = settings.model
    # What needs no TensorFlow first: importing that takes seconds.
    with _naming(f"MODEL_PATH={model.path}"):
        resolve(model.path, model.version)
    if model.labels_path is not None:
        with _naming(f"MODEL_LABELS_PATH={model.labels_path}"):
            read_labels(model.labels_path)
    from models.saved_model import load

    with _naming(f"MODEL_PATH={model.path}", device=f"MODEL_DEVICE={model.device}"):
        predictor = load(
            model.path,
            name=model.name,
            version=model.version,
            signature=model.signature,
            device=model.device,
            labels_path=model.labels_path,
            scores_output=model.scores_output,
            labels_output=model.labels_output,
            top_k=settings.rank.top_k,
        )
        predictor.warm_up(settings.batch.max_size)
    return predictor


@contextmanager
def _naming(model: str, *, device: str = "") -> Iterator[None]:
    """Put the variable in front of an error's message: *device* where the device is at fault, else *model*."""
    try:
        yield
    except ModelNotUsable as error:
        variable = device if isinstance(error, DeviceNotFound) else model
        raise type(error)(f"{variable}: {error}") from error


def make_scorer(
    settings: Settings, predictor: Predictor, *, executor: Executor, metrics: Metrics, progress: Progress
) -> Scorer:
    """Return what runs *predictor* in the threads of *executor*."""

    def on_call(seconds: float) -> None:
        metrics.stage_took("predict", seconds)
        progress.moved()

    limit = BatchLimit(settings.batch.max_size, on_lower=metrics.ran_out_of_memory)
    metrics.batch_limit(lambda: limit.rows)
    return Scorer(predictor, executor, on_call, limit=limit)


def make_pipeline(
    settings: Settings,
    predictor: Predictor,
    *,
    scorer: Scorer,
    producer_for: ProducerFactory,
    partition_count: Callable[[str], int],
    metrics: Metrics,
    on_lost: Callable[[TP], None],
    on_fenced: Callable[[TP], None],
    on_failure: Callable[[BaseException], None],
) -> Pipeline:
    """Return the pipeline for *predictor*; it runs on the current event loop."""
    kafka = settings.kafka
    return Pipeline(
        decoder=JsonDecoder(
            predictor.signature,
            fields=settings.input.fields,
            id_field=settings.input.record_id_field,
            max_bytes=settings.input.record_max_bytes,
        ),
        batcher=_batcher(settings.batch, scorer, metrics),
        encoder=PredictionEncoder(
            model=predictor.name,
            version=predictor.version,
            labels=predictor.labels,
            min_score=settings.rank.min_score,
            non_finite=settings.model.non_finite,
        ),
        outbox=Outbox(
            RecordFactory(predictor.name, predictor.version),
            Router(partition_count, kafka.input_topic),
            output_topic=kafka.output_topic,
            dead_letter_topic=kafka.dead_letter_topic,
        ),
        producer_for=producer_for,
        observer=metrics,
        on_lost=on_lost,
        on_fenced=on_fenced,
        on_failure=on_failure,
        drain_seconds=kafka.session_timeout_ms / 1000 / 2,
    )


def _batcher(batch: BatchSettings, scorer: Scorer, metrics: Metrics) -> Batcher[RowGroup, Scored]:
    return Batcher(
        scorer,
        limit=scorer.limit,
        max_in_flight=batch.max_in_flight,
        max_delay_seconds=batch.max_delay_ms / 1000,
        max_rows=batch.in_flight_max_records,
        max_bytes=batch.in_flight_max_bytes,
        on_dispatch=metrics.dispatched,
    )

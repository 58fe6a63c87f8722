"""A TensorFlow SavedModel as a predictor."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy.typing as npt

from models.device import Device, choose_device
from models.entry_point import EntryPoint, find_entry_point
from models.errors import ModelError, ModelNotUsable, ModelUnavailable, SizesOpen
from models.executor import IN_SESSION, Choice, choose, running_in
from models.failures import as_model_error
from models.fingerprint import read_contents
from models.labels import Labels, choose_labels
from models.loading import load_objects
from models.meta_graph import definition_of, read_meta_graph
from models.options import Options
from models.padding import BatchSizes
from models.predictor import Columns, TopK, height
from models.ranking import build_ranking
from models.recorded import FILE, recorded_requests
from models.runtime import tf
from models.scores import Output, choose_scores
from models.session import RankingSession
from models.signature import Signature
from models.warming import Sample, warm_up

# A graph that is no larger may be made ready for two executors.
_SMALL_BYTES = 10_000_000
_GIVEN_UP = "it was given up"

# Its public modules do not show what its own parameter server ends calls with.
_cancellation = import_module(f"{tf.__name__}.python.eager.cancellation")


def read(folder: Path, options: Options, *, fingerprint: str | None = None) -> "SavedModelPredictor":
    """Load the SavedModel in *folder*; it is not warm yet.

    Args:
        folder: holds a `saved_model.pb`.
        options: how.
        fingerprint: of the files that it was made of; None: those in *folder*.

    Raises:
        DeviceNotFound: the device is not there.
        SizesOpen: it is to be compiled, and the signature leaves the size open.
        ModelNotUsable: the model cannot be loaded or used as asked; the message says what there is instead.
    """
    device = choose_device(options.device, gpu_memory_mb=options.gpu_memory_mb)
    graph = read_meta_graph(folder)
    loaded = load_objects(folder, graph, signature=options.signature, device=device)
    entry = find_entry_point(loaded, options.signature, definition_of(graph, options.signature))
    if options.pad_value is not None:
        entry = entry.padded_with(options.pad_value)
    batch = entry.batch
    sizes = BatchSizes(options.allowed_sizes if batch is None else (batch,), on_padding=options.on_padding)
    if options.xla and sizes.largest is None:
        raise SizesOpen("XLA compiles the model for every size of batch, and any size may come")
    recorded = recorded_requests(folder, entry.signature, as_examples=entry.examples is not None)
    scores = choose_scores(entry.outputs, options.scores_output, batch=batch)
    labels = choose_labels(entry.outputs, scores, path=options.labels_path, wanted=options.labels_output, batch=batch)
    columns = scores.columns if labels.names is None else len(labels.names)
    if columns is None and options.pad_value is not None and any(spec.loose for spec in entry.signature.inputs):
        raise ModelNotUsable(
            f"output {scores.name!r} has as many scores as a row is long, so rows cannot be padded to one length: "
            "leave the pad value unset, or give the labels"
        )
    if options.xla and columns == 2 and scores.columns == 1:
        raise ModelNotUsable(
            "two labels for one column need a check that the score is a probability, which XLA leaves out"
        )
    return SavedModelPredictor(
        options,
        device=device,
        fingerprint=fingerprint or read_contents(folder).fingerprint,
        entry=entry,
        scores=scores,
        classes=columns,
        labels=labels,
        ranking=build_ranking(
            entry, scores=scores, columns=columns, row_labels=labels.output, top_k=options.top_k, xla=options.xla
        ),
        sizes=sizes,
        recorded=[Sample(rows, f"request {number} of {FILE.name}") for number, rows in enumerate(recorded, start=1)],
        owner=loaded,
        # Another executor makes the graph ready anew: XLA would compile it again, and constants lie in memory twice.
        small=device.name == "cpu"
        and not options.xla
        and graph.ByteSize() <= _SMALL_BYTES
        and all(spec.is_of_one_size for spec in entry.signature.inputs),
    )


class SavedModelPredictor:
    """A SavedModel and its ranking as one graph; implements `models.predictor.Predictor`."""

    def __init__(
        self,
        options: Options,
        *,
        device: Device,
        fingerprint: str,
        entry: EntryPoint,
        scores: Output,
        classes: int | None,
        labels: Labels,
        ranking: Any,
        sizes: BatchSizes,
        recorded: Sequence[Sample],
        owner: Any,
        small: bool,
    ) -> None:
        self._name = options.name
        self._version = options.version
        self._device = device
        self._fingerprint = fingerprint
        self._entry = entry
        self._scores = scores
        self._classes = classes
        self._labels = labels
        self._dtypes = tuple(spec.dtype for spec in entry.fed_specs)
        # What calling `ranking` comes down to once TensorFlow has bound the arguments in Python, which takes a third of
        # a small model's call. Ours are in order already, and the runtime checks their dtypes once more.
        self._call = ranking.inference_fn.call_flat
        self._captured = tuple(ranking.captured_inputs)
        # TensorFlow's functions refer to their variables weakly: what these belong to must live as long as we call.
        self._owner = owner
        self._running: set[Any] = set()
        self._given_up = False
        self._sizes = sizes
        self._choice = Choice()
        # What may run in a session, until that is settled.
        self._ranking = ranking if small else None
        self._session: RankingSession | None = None
        self._recorded: Sequence[Sample] = recorded
        self._known_good = Sample.made_up(entry.signature)

    @property
    def name(self) -> str:
        """The model's name, as shown in outputs and metrics."""
        return self._name

    @property
    def version(self) -> str:
        """The version folder's number without leading zeros, or `unversioned`."""
        return self._version

    @property
    def device(self) -> str:
        """Where it runs: `cpu`, `gpu:0`, ..."""
        return self._device.name

    @property
    def fingerprint(self) -> str:
        """What its files hash to, see `models.fingerprint`."""
        return self._fingerprint

    @property
    def signature(self) -> Signature:
        """The inputs a row must bring."""
        return self._entry.signature

    @property
    def classes(self) -> int | None:
        """How many scores a row gets; None when the signature leaves it open and no labels file settles it."""
        return self._classes

    @property
    def labels(self) -> Sequence[str] | None:
        """`N` names, one per class; None when rows bring their own or nobody names the classes."""
        return self._labels.names

    @property
    def batch(self) -> int | None:
        """How many rows the signature takes in every call; None: any number."""
        return self._entry.batch

    @property
    def outputs(self) -> tuple[Output, ...]:
        """All outputs of the signature."""
        return self._entry.outputs

    @property
    def scores(self) -> Output:
        """The output that holds the scores."""
        return self._scores

    @property
    def labels_output(self) -> str | None:
        """The output that holds the labels, if one does."""
        return None if self._labels.output is None else self._labels.output.name

    @property
    def largest_batch(self) -> int | None:
        """The most rows that one call of the model takes; None: any number."""
        return self._sizes.largest

    @property
    def quick_rows(self) -> int:
        """See `models.predictor.Predictor`; known once it is warm."""
        return self._sizes.within(self._choice.quick_rows)

    def predict(self, columns: Columns) -> TopK:
        """Score a batch and keep the best classes of each row; see `models.predictor.Predictor`.

        A column of another dtype than the signature's is converted as `tf.constant` does, so that bfloat16 inputs may
        come as float32.
        """
        return self._sizes.run(self._rank, columns)

    def _rank(self, columns: Columns) -> TopK:
        try:
            arrays = self._entry.feed(columns)
            if self._choice.executor == IN_SESSION and self._session is not None:
                if self._given_up:
                    raise ModelUnavailable(_GIVEN_UP)
                ranked = self._session(arrays)
                if ranked is not None:
                    return TopK(*ranked)
            return TopK(*(output.numpy() for output in self._run(arrays)))
        except ModelError:
            raise
        except Exception as error:  # what TensorFlow and a model's Python ops can raise is not listed anywhere
            raise as_model_error(error) from error

    def _run(self, arrays: Sequence[npt.NDArray[Any]]) -> Sequence[Any]:
        # Inputs are made on the CPU: strings cannot live on a GPU, and TensorFlow moves the others itself.
        with tf.device("/CPU:0"):
            tensors = [tf.constant(array, dtype) for array, dtype in zip(arrays, self._dtypes, strict=True)]
        # One for each call: TensorFlow cancels it by itself when the call fails.
        cancellation = _cancellation.CancellationManager()
        self._running.add(cancellation)
        try:
            if self._given_up:
                raise ModelUnavailable(_GIVEN_UP)
            with (
                tf.device(self._device.placement),
                running_in(self._choice.executor),
                _cancellation.CancellationManagerContext(cancellation),
            ):
                outputs: Sequence[Any] = self._call(*tensors, *self._captured)
        finally:
            self._running.discard(cancellation)
        return outputs

    def give_up(self) -> None:
        """End the calls that run, at the next of the model's operations, and answer no more.

        Those in a session end by themselves: such models are quick and wait for nothing.
        """
        self._given_up = True
        for cancellation in tuple(self._running):
            cancellation.start_cancel()

    def known_good_rows(self, count: int) -> Columns:
        """Return *count* rows that the model answered in `warm_up`."""
        return self._known_good.rows(count)

    def answers(self) -> bool:
        """Whether the model answers the row that it answered first in `warm_up`."""
        try:
            self.predict(self._known_good.rows(1))
        except ModelError:
            return False
        return True

    def warm_up(self, batch_size: int) -> None:
        """Run rows through, and all requests that were recorded with the model; see `models.warming`."""
        first = self._recorded[0] if self._recorded else Sample.that_works(self)
        warm_up(self, first, self._sizes.up_to(batch_size))
        for sample in self._recorded:
            warm_up(self, sample, [height(sample.columns)])
        self._recorded = ()
        self._known_good = first
        if self._ranking is not None:
            sizes = self._sizes.up_to(batch_size)
            self._choice = choose(self._try_executor, sizes[0], sizes[-1])
            if self._choice.executor != IN_SESSION:
                self._session = None
            self._ranking = None

    def _make_session(self, rows: int) -> RankingSession:
        arrays = self._entry.feed(self.known_good_rows(rows))
        try:
            session = RankingSession.of(self._ranking, len(self._dtypes))
            if not session.answers_as([output.numpy() for output in self._run(arrays)], arrays):
                raise ModelNotUsable("a session answers otherwise")
            return session
        except ModelError:
            raise
        except Exception as error:  # whatever a graph's own operations may say to being copied
            raise as_model_error(error) from error

    def _try_executor(self, executor: str, rows: int) -> None:
        if executor == IN_SESSION and self._session is None:
            self._session = self._make_session(rows)
        self._choice = Choice(executor)
        self.predict(self.known_good_rows(rows))

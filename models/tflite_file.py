"""A file of TensorFlow Lite (`.tflite`) as a predictor, run by the interpreter of the edge runtime on the CPU."""

import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.errors import DeviceNotFound, ModelError, ModelNotUsable, ModelUnavailable, RowsRefused, SizesOpen
from models.fingerprint import read_contents
from models.labels import Labels, choose_labels
from models.options import Options
from models.padding import BatchSizes
from models.predictor import Columns, TopK
from models.scores import NUMERIC, Output, choose_scores
from models.signature import Signature, TensorSpec
from models.topk import best_classes
from models.warming import Sample, warm_up


def read(file: Path, options: Options) -> "TFLitePredictor":
    """Load the model in *file*.

    Raises:
        DeviceNotFound: it is asked for on a GPU.
        SizesOpen: it is to be compiled by XLA.
        ModelNotUsable: the runtime is not installed or does not load it, or it cannot be used as asked.
    """
    if options.device.startswith("gpu"):
        raise DeviceNotFound(f"device {options.device!r}: models of TensorFlow Lite run on the CPU here")
    if options.xla:
        raise SizesOpen("models of TensorFlow Lite are not compiled by XLA")
    interpreters = _Interpreters(file, options.signature)
    batch = interpreters.fixed_batch()
    outputs = tuple(_output(name, about) for name, about in sorted(interpreters.outputs.items()))
    scores = choose_scores(outputs, options.scores_output, batch=batch)
    labels = choose_labels(outputs, scores, path=options.labels_path, wanted=options.labels_output, batch=batch)
    sizes = BatchSizes(options.allowed_sizes if batch is None else (batch,), on_padding=options.on_padding)
    return TFLitePredictor(
        options,
        interpreters,
        fingerprint=read_contents(file).fingerprint,
        batch=batch,
        outputs=outputs,
        scores=scores,
        labels=labels,
        sizes=sizes,
    )


class TFLitePredictor:
    """A model of TensorFlow Lite; implements `models.predictor.Predictor`."""

    device = "cpu"

    def __init__(
        self,
        options: Options,
        interpreters: "_Interpreters",
        *,
        fingerprint: str,
        batch: int | None,
        outputs: tuple[Output, ...],
        scores: Output,
        labels: Labels,
        sizes: BatchSizes,
    ) -> None:
        self.name = options.name
        self.version = options.version
        self.fingerprint = fingerprint
        self.signature = Signature(
            options.signature, tuple(_row_spec(name, about) for name, about in sorted(interpreters.inputs.items()))
        )
        self.labels: Sequence[str] | None = labels.names
        self.classes = scores.columns if labels.names is None else len(labels.names)
        self.largest_batch = sizes.largest
        self.quick_rows = 0
        self._interpreters = interpreters
        self.batch, self.outputs, self.scores = batch, outputs, scores
        self.labels_output = None  # the runtime gives no strings
        self._both = scores.columns == 1 and self.classes == 2
        self._sizes = sizes
        self._top_k = options.top_k
        self._known_good = Sample.made_up(self.signature)

    def predict(self, columns: Columns) -> TopK:
        """Score a batch and keep the best classes of each row; see `models.predictor.Predictor`."""
        return self._sizes.run(self._rank, columns)

    def _rank(self, columns: Columns) -> TopK:
        table = self._interpreters.run(columns, self.scores.name)
        table = table.reshape(len(table), -1) if table.ndim != 2 else table
        if table.dtype == np.float16:
            table = table.astype(np.float32)
        if self._both:
            if (outside := table[(table < 0) | (table > 1)]).size:
                raise RowsRefused(
                    f"two labels for one column take a probability from 0 to 1, not the score {outside[0]}"
                )
            table = np.concatenate([1 - table, table], axis=1)
        elif self.classes is not None and table.shape[1] != self.classes:
            raise RowsRefused(f"the model gave {table.shape[1]} scores a row instead of {self.classes}")
        return best_classes(table, self._top_k)

    def known_good_rows(self, count: int) -> Columns:
        """Return *count* rows that the model answered in `warm_up`."""
        return self._known_good.rows(count)

    def give_up(self) -> None:
        """Nothing: the interpreter's calls cannot be ended."""

    def answers(self) -> bool:
        """Whether the model answers a made-up row."""
        try:
            self.predict(self._known_good.rows(1))
        except ModelError:
            return False
        return True

    def warm_up(self, batch_size: int) -> None:
        """Run made-up rows through; see `models.warming`."""
        warm_up(self, self._known_good, self._sizes.up_to(batch_size))


class _Interpreters:
    """Interpreters of one file: one can run one batch at a time, so each thread takes one for its call."""

    def __init__(self, file: Path, signature: str) -> None:
        self._file = file
        self._signature = signature
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self._one() as interpreter:
            self.inputs = {_short(name): about for name, about in self._details(interpreter, "input").items()}
            self.outputs = {_short(name): about for name, about in self._details(interpreter, "output").items()}

    def _new(self) -> Any:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ModuleNotFoundError as error:
            raise ModelNotUsable(
                f"model path {self._file}: the edge runtime is not installed: pip install 'streamrank[tflite]'"
            ) from error
        try:
            interpreter = Interpreter(model_path=str(self._file))
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelNotUsable(f"model path {self._file} cannot be loaded: {error}") from error
        return interpreter

    @contextmanager
    def _one(self) -> Iterator[Any]:
        try:
            interpreter = self._idle.get_nowait()
        except queue.Empty:
            interpreter = self._new()
        yield interpreter
        # One that failed is not used again.
        self._idle.put(interpreter)

    def _details(self, interpreter: Any, kind: str) -> dict[str, Any]:
        """What is known of the inputs or outputs of the signature, by name; of all where the file has no signatures."""
        details = {about["index"]: about for about in getattr(interpreter, f"get_{kind}_details")()}
        signatures = interpreter.get_signature_list()
        if not signatures:
            return {about["name"]: about for about in details.values()}
        if self._signature not in signatures:
            there = ", ".join(sorted(signatures))
            raise ModelNotUsable(f"the model has no signature {self._signature!r}; there are: {there}")
        if len(signatures) > 1:
            there = ", ".join(sorted(signatures))
            raise ModelNotUsable(f"the file has several signatures ({there}); convert it with the one to serve alone")
        runner = interpreter.get_signature_runner(self._signature)
        named = getattr(runner, f"get_{kind}_details")()
        return {name: details.get(about["index"], about) for name, about in named.items()}

    def fixed_batch(self) -> int | None:
        """How many rows every call takes; None: any number, which is found out by trying two."""
        rows = {int(about["shape"][0]) for about in self.inputs.values() if len(about["shape"])}
        columns = {name: np.zeros(_shape(about, 2), about["dtype"]) for name, about in self.inputs.items()}
        try:
            rows_of = [name for name, about in self.outputs.items() if len(about["shape"])]
            if all(len(self.run(columns, name)) == 2 for name in rows_of):
                return None
        except ModelError:
            pass
        return min(rows, default=1)

    def run(self, columns: Columns, output: str) -> npt.NDArray[Any]:
        """Return an output for the rows in *columns*.

        Raises:
            RowsRefused: the interpreter refuses them.
            ModelUnavailable: a column is missing or no tensor.
        """
        try:
            arrays = {name: np.asarray(columns[name], about["dtype"]) for name, about in self.inputs.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise ModelUnavailable(f"{type(error).__name__}: {error}") from error
        try:
            with self._one() as interpreter:
                interpreter.reset_all_variables()  # or a batch would remember the one before
                self._feed(interpreter, arrays)
                interpreter.invoke()
                found: npt.NDArray[Any] = interpreter.get_tensor(self.outputs[output]["index"])
                return found
        except (ValueError, RuntimeError) as error:
            raise RowsRefused(str(error).strip().splitlines()[0]) from error

    def _feed(self, interpreter: Any, arrays: dict[str, npt.NDArray[Any]]) -> None:
        now = {about["index"]: tuple(about["shape"]) for about in interpreter.get_input_details()}
        indices = {name: self.inputs[name]["index"] for name in arrays}
        if any(now[indices[name]] != array.shape for name, array in arrays.items()):
            for name, array in arrays.items():
                interpreter.resize_tensor_input(indices[name], array.shape)
            interpreter.allocate_tensors()
        for name, array in arrays.items():
            interpreter.set_tensor(indices[name], array)


def _short(name: str) -> str:
    return name.removeprefix("serving_default_").split(":")[0]


def _shape(about: Any, rows: int) -> tuple[int, ...]:
    return (rows, *(max(1, int(length)) for length in about["shape"][1:]))


def _lengths(about: Any) -> tuple[int | None, ...]:
    return tuple(None if length < 0 else int(length) for length in about["shape_signature"])


def _row_spec(name: str, about: Any) -> TensorSpec:
    dtype = np.dtype(about["dtype"]).name
    if dtype not in NUMERIC | {"bool"}:
        raise ModelNotUsable(f"input {name!r} is {dtype}: only numbers and bool can be fed to TensorFlow Lite here")
    if not len(about["shape"]):
        raise ModelNotUsable(f"input {name!r} is a scalar: it needs a batch axis")
    return TensorSpec(name, dtype, _lengths(about)[1:])


def _output(name: str, about: Any) -> Output:
    lengths = _lengths(about)
    # The first axis is that of the rows, whatever number was written there.
    return Output(name, np.dtype(about["dtype"]).name, (None, *lengths[1:]) if lengths else ())

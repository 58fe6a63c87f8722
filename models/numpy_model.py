"""A linear model in NumPy, with faults on demand: a predictor that starts at once."""

import threading
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.errors import ModelError, ModelNotUsable, ModelUnavailable, OutOfMemory, RowsRefused
from models.predictor import Columns, TopK
from models.rows import made_up_rows
from models.signature import Signature, TensorSpec
from models.topk import best_classes
from models.warming import Sample, warm_up

Float32s = npt.NDArray[np.float32]


class NumpyModel:
    """Scores rows with `features @ weights + bias`; implements `models.predictor.Predictor`.

    The weights follow from *seed* alone, and a row scores the same to the last bit in a batch of any size.

    Args:
        features: the length of the input `features`, float32.
        classes: how many scores a row gets.
        seed: of the weights.
        top_k: entries to keep of each row; 0 keeps all.
        labels: *classes* names; None: the classes have none.
        poison: a batch with a row whose first feature equals this is refused as a whole; not 0, since made-up rows have
            it.
        nan: a row whose first feature equals this scores NaN for every class.
        delay_seconds: how long every call takes at least.

    Attributes:
        fail_everything: while set to `RowsRefused` or `ModelUnavailable`, every call raises it, also of a known good
            row.
        out_of_memory_above: while set, a batch of more rows than this raises `OutOfMemory`.
        answering: while cleared, every call hangs.
    """

    name = "numpy"
    version = "unversioned"
    device = "cpu"
    fingerprint = ""

    def __init__(
        self,
        *,
        features: int = 4,
        classes: int = 3,
        seed: int = 0,
        top_k: int = 5,
        labels: Sequence[str] | None = None,
        poison: float | None = None,
        nan: float | None = None,
        delay_seconds: float = 0.0,
    ) -> None:
        if labels is not None and len(labels) != classes:
            raise ModelNotUsable(f"{len(labels)} labels for {classes} classes")
        random = np.random.default_rng(seed)
        self.weights: Float32s = random.standard_normal((features, classes), dtype=np.float32)
        self.bias: Float32s = random.standard_normal(classes, dtype=np.float32)
        self.signature = Signature("serving_default", (TensorSpec("features", "float32", (features,)),))
        self.classes = classes
        self.largest_batch = None
        self.quick_rows = 0
        self.labels = labels
        self.fail_everything: type[RowsRefused] | type[ModelUnavailable] | None = None
        self.out_of_memory_above: int | None = None
        self.answering = threading.Event()
        self.answering.set()
        self._top_k = top_k
        self._poison = None if poison is None else np.float32(poison)
        self._nan = None if nan is None else np.float32(nan)
        self._delay_seconds = delay_seconds

    def predict(self, columns: Columns) -> TopK:
        """Score a batch and keep the best classes of each row; see `models.predictor.Predictor`."""
        time.sleep(self._delay_seconds)
        self.answering.wait()
        if self.fail_everything is not None:
            raise self.fail_everything("told to fail everything")
        features = columns["features"].astype(np.float32, copy=False)
        if self.out_of_memory_above is not None and len(features) > self.out_of_memory_above:
            raise OutOfMemory(f"told to have memory for {self.out_of_memory_above} rows, not for {len(features)}")
        if self._poison is not None and bool((features[:, 0] == self._poison).any()):
            raise RowsRefused(f"a row's first feature is the poison {self._poison}")
        scores = self.scores(features)
        if self._nan is not None:
            scores[features[:, 0] == self._nan] = np.nan
        return best_classes(scores, self._top_k)

    def scores(self, features: Float32s) -> Float32s:
        """Return all scores, `[B, N]`, of rows `[B, F]`."""
        # Not a matrix product: BLAS adds up in another order for another number of rows.
        scores = np.tile(self.bias, (len(features), 1))
        for column, weights in zip(features.T, self.weights, strict=True):
            scores += column[:, np.newaxis] * weights
        return scores

    def give_up(self) -> None:
        """End the calls that hang, and answer no more."""
        self.fail_everything = ModelUnavailable
        self.answering.set()

    def answers(self) -> bool:
        """Whether the model answers a made-up row."""
        try:
            self.predict(made_up_rows(self.signature, 1))
        except ModelError:
            return False
        return True

    def warm_up(self, batch_size: int) -> None:
        """Run rows of zeros through; see `models.warming`."""
        warm_up(self, Sample.made_up(self.signature), (1, batch_size))

"""Whether the outputs of a run are right: each record once, its key and headers, TensorFlow's scores and labels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson
from confluent_kafka import Message

from benchmarks.errors import BenchmarkFailed
from benchmarks.records import DISTINCT, SENT_AT, key

_ABSOLUTE, _RELATIVE = 1e-6, 1e-5
"""TensorFlow's own differences between batch sizes on a CPU."""
_ABSOLUTE_GPU = 2e-3
"""On a GPU, kernels for other batch sizes may round the inputs to TF32."""
_ADDED_HEADERS = ["model-name", "model-version", "source-topic", "source-partition", "source-offset"]
_HEADERS = ["trace", SENT_AT, *_ADDED_HEADERS]


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """What TensorFlow itself says.

    Attributes:
        scores: `[DISTINCT, N]`, of every row and class.
        top_k: entries of a prediction.
        on_gpu: whether a GPU's tolerance applies.
    """

    scores: npt.NDArray[np.float32]
    top_k: int
    on_gpu: bool

    def check(self, who: str, messages: Iterable[Message], count: int, *, ranked: bool) -> None:
        """Check the outputs of records 0 to *count* - 1; echoes (*ranked* is False) carry no scores.

        Raises:
            BenchmarkFailed: they are not what they should be.
        """
        times = np.zeros(count, np.int32)
        numbers, predictions = [], []
        for message in messages:
            value = orjson.loads(message.value())
            number = int(value["id"][1:])
            times[number] += 1
            self._check_envelope(who, message, number)
            if ranked:
                numbers.append(number)
                predictions.append(value["predictions"])
        if not (times == 1).all():
            raise BenchmarkFailed(f"{who}: {(times == 0).sum()} records lost, {(times > 1).sum()} published again")
        if ranked:
            self.check_scores(who, np.array(numbers), predictions)

    def _check_envelope(self, who: str, message: Message, number: int) -> None:
        names = [name for name, _ in message.headers() or ()]
        if message.key() != key(number) or names != _HEADERS:
            raise BenchmarkFailed(f"{who}: r{number} came with key {message.key()!r} and headers {names}")

    def check_scores(
        self, who: str, numbers: npt.NDArray[np.int64], predictions: Sequence[Sequence[dict[str, object]]]
    ) -> None:
        """Check the predictions of records with these *numbers*.

        Raises:
            BenchmarkFailed: they are not TensorFlow's.
        """
        if {len(entries) for entries in predictions} != {self.top_k}:
            raise BenchmarkFailed(f"{who}: not every prediction has {self.top_k} entries")
        labels = np.array([[int(str(entry["label"])) for entry in entries] for entries in predictions])
        scores = np.array([[entry["score"] for entry in entries] for entries in predictions], np.float32)
        truth = self.scores[numbers % DISTINCT]
        absolute = _ABSOLUTE_GPU if self.on_gpu else _ABSOLUTE
        best = -np.sort(-truth, axis=1)[:, : self.top_k]
        own = np.take_along_axis(truth, labels, axis=1)
        # Both: the best scores in order, and each beside the label that has it. Equal scores may trade places.
        for expected in (best, own):
            if not np.allclose(scores, expected, rtol=_RELATIVE, atol=absolute):
                raise BenchmarkFailed(f"{who}: scores differ from TensorFlow's by {np.abs(scores - expected).max()}")

"""The SavedModel with top-k inside its graph, as one concrete function."""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from benchmarks.peers.settings import BATCH_SIZE
from benchmarks.peers.wire import Indices, Scores


class Ranker:
    """A loaded and warm model.

    Args:
        path: the SavedModel.
        device: `auto`, `cpu`, `gpu` or `gpu:N`, as in MODEL_DEVICE; a GPU that is not there is an error.
        k: classes kept per row.
    """

    def __init__(self, path: str, device: str, k: int) -> None:
        if device == "cpu":
            tf.config.set_visible_devices([], "GPU")
        # Kept alive for the whole process: the signature alone does not hold on to its variables.
        self._model = tf.saved_model.load(path)
        self._placement = f"/GPU:{device[4:] or 0}" if device.startswith("gpu") else None
        self._function = self._with_top_k(k)
        for rows in (BATCH_SIZE, 1):
            self.rank(np.zeros((rows, self._width()), np.float32))

    def rank(self, rows: npt.NDArray[np.float32]) -> tuple[Scores, Indices]:
        """Score *rows* `[B, F]` and return the scores and class indices `[B, K]` of the best, best first."""
        with tf.device(self._placement):
            scores, indices = self._function(tf.constant(rows))
        return scores.numpy(), indices.numpy()

    @property
    def classes(self) -> int:
        """How many classes the model scores."""
        return int(self._model.signatures["serving_default"].structured_outputs["scores"].shape[1])

    def _with_top_k(self, k: int) -> Any:
        signature = self._model.signatures["serving_default"]
        (features,) = signature.structured_input_signature[1].values()

        def best(rows: Any) -> Any:
            return tf.math.top_k(signature(features=rows)["scores"], k=k)

        wanted = [tf.TensorSpec(features.shape, features.dtype)]
        return tf.function(best, input_signature=wanted, autograph=False).get_concrete_function()

    def _width(self) -> int:
        return int(self._function.structured_input_signature[0][0].shape[1])

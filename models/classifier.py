"""A small classifier with random weights, exported as a SavedModel: the model of the benchmark and of the tests."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from models.runtime import tf


def export_mlp(
    path: str | Path, *, features: int = 32, hidden: Sequence[int] = (64, 64), classes: int = 10, seed: int = 0
) -> None:
    """Write a multilayer perceptron to the folder *path*.

    Its signature `serving_default` takes `features`, float32 `[B, features]`, and gives `scores`, float32
    `[B, classes]`: the softmax of the last layer. The same arguments give the same weights.
    """
    module = _Perceptron((features, *hidden, classes), seed)
    spec = tf.TensorSpec([None, features], tf.float32, name="features")
    serve = tf.function(module.classify, input_signature=[spec], autograph=False)
    tf.saved_model.save(module, str(path), signatures={"serving_default": serve})


class _Perceptron(tf.Module):  # type: ignore[misc]  # TensorFlow ships no types
    def __init__(self, sizes: Sequence[int], seed: int) -> None:
        super().__init__()
        random = np.random.default_rng(seed)
        self._layers = [_layer(random, inputs, outputs) for inputs, outputs in pairwise(sizes)]

    def classify(self, features: Any) -> dict[str, Any]:
        *hidden, (weights, bias) = self._layers
        values = features
        for layer, offset in hidden:
            values = tf.nn.relu(values @ layer + offset)
        return {"scores": tf.nn.softmax(values @ weights + bias)}


def _layer(random: np.random.Generator, inputs: int, outputs: int) -> tuple[Any, Any]:
    weights = random.standard_normal((inputs, outputs), dtype=np.float32) / np.float32(inputs) ** np.float32(0.5)
    bias = random.standard_normal(outputs, dtype=np.float32) * np.float32(0.1)
    return tf.Variable(weights), tf.Variable(bias)

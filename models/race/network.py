"""The network: a participant's features in, the logarithm of its strength out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.race.features import FEATURES

FURTHEST = 4.0
"""Standard deviations from the mean beyond which a feature says no more."""

FINE = 10.0
"""A tenth of a standard deviation from 0 is where differences begin to count by their ratio."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What distinguishes one model from another.

    Attributes:
        hidden: neurons of each hidden layer; none for a linear model whose weights change with the share done.
        nets: networks with other beginnings, whose scores are averaged.
        dropout: the share of hidden neurons left out while learning.
        decay: weight decay.
        epochs: times that each list is seen.
        batch: lists a step.
        top: how much more the first places count than the last: place k weighs k to the power of minus this.
        rate: learning rate at the beginning; it falls to nothing along a cosine.
        sharpness: what scores are multiplied by in the end, so that the softmax over a race's members is the chance to
            win: a loss that also asks for the last places makes a model too cautious about the first.
    """

    hidden: tuple[int, ...] = (32, 16)
    nets: int = 1
    dropout: float = 0.0
    decay: float = 1e-4
    epochs: int = 12
    batch: int = 256
    rate: float = 5e-3
    top: float = 1.0
    sharpness: float = 1.0

    def __str__(self) -> str:
        layers = "x".join(str(width) for width in self.hidden) or "linear"
        return f"{self.nets} x {layers}, dropout {self.dropout:g}, {self.epochs} epochs, top {self.top:g}"


def build(settings: Settings, rows: npt.NDArray[np.float32]) -> Any:
    """Return a Keras model: `[B, K, F]` in, `[B, nets, K]` out; it scores each participant alone.

    Args:
        settings: its form.
        rows: `[N, F]`, from which it takes means and spreads to bring features to one scale by itself.
    """
    import keras

    inputs = keras.Input((None, len(FEATURES)))
    scaled = _scaled(keras, inputs, rows)
    outputs = [_net(keras, scaled, settings) for _ in range(settings.nets)]
    return keras.Model(inputs, keras.ops.stack([score[..., 0] for score in outputs], axis=1))


def _scaled(keras: Any, inputs: Any, rows: npt.NDArray[np.float32]) -> Any:
    """Return each feature twice: in proportion, and by its logarithm, which tells small differences near 0 apart."""
    mean, variance = rows.mean(axis=0, dtype=np.float64), rows.var(axis=0, dtype=np.float64)
    # What this source does not have is 0 everywhere, and stays 0.
    variance = np.where(variance > 1e-12, variance, 1.0)
    even = keras.layers.Normalization(mean=mean, variance=variance)(inputs)
    about_zero = keras.layers.Normalization(mean=np.zeros_like(mean), variance=variance)(inputs)
    fine = keras.ops.arcsinh(FINE * about_zero) / 2
    return keras.layers.Concatenate()([keras.ops.clip(even, -FURTHEST, FURTHEST), fine])


def _net(keras: Any, scaled: Any, settings: Settings) -> Any:
    """Return the sum of a linear part, whose weights change with the share done, and of hidden layers."""
    layers = keras.layers
    done = scaled[..., FEATURES.index("done") : FEATURES.index("done") + 1]
    values = layers.Concatenate()([scaled, scaled * done, scaled * done * done])
    score = layers.Dense(1, kernel_initializer="zeros")(values)
    hidden = scaled
    for width in settings.hidden:
        hidden = layers.Dense(width, activation="gelu")(hidden)
        hidden = layers.Dropout(settings.dropout)(hidden) if settings.dropout else hidden
    if settings.hidden:
        score = score + layers.Dense(1, kernel_initializer="zeros")(hidden)
    return score


def scoring(network: Any, settings: Settings) -> Any:
    """Return a model that takes a float32 scalar for each of `FEATURES`, by name, and gives `scores`, `[B, 1]`.

    Args:
        network: what `build` returned.
        settings: what it was built with.
    """
    import keras

    inputs = {name: keras.Input((), name=name) for name in FEATURES}
    row = keras.ops.stack([inputs[name] for name in FEATURES], axis=-1)
    scores = keras.ops.mean(network(row[:, None, :]), axis=1) * settings.sharpness
    return keras.Model(inputs, {"scores": scores})

"""The demo's model: a small network that reads scikit-learn's 1,797 scanned handwritten digits."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

LABELS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
EPOCHS = 20

OnEpoch = Callable[[int, float], None]
"""Is told the number of epochs done and the accuracy on the training images so far."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The third of the images that the model was not trained on, and what it says of them.

    Attributes:
        features: `[N, 64]` float32, the 8 x 8 pixels of each image row by row, 0 (white) to 16 (black).
        digits: `[N]` int64, the digit that was written.
        predicted: `[N]` int64, the digit that Keras reads when it runs the trained model itself.
    """

    features: npt.NDArray[np.float32]
    digits: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]

    def save(self, file: Path) -> None:
        """Write everything to *file* (`.npz`)."""
        np.savez(file, features=self.features, digits=self.digits, predicted=self.predicted)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(file) as arrays:
            return cls(arrays["features"], arrays["digits"], arrays["predicted"])


def train(path: Path, *, seed: int, on_epoch: OnEpoch | None = None) -> HeldOut:
    """Train on two thirds of the images and export a SavedModel to *path*.

    Its signature `serving_default` takes `features` (`[None, 64]` float32) and gives `scores` (`[None, 10]` float32),
    one for each of `LABELS`.

    Args:
        path: a folder that does not exist yet.
        seed: splits the images and starts the network; the same seed gives the same model on the same machine.
        on_epoch: called after each of `EPOCHS`.
    """
    import keras
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    import models.runtime  # noqa: F401 - sets TensorFlow up before Keras finds it

    keras.utils.set_random_seed(seed)
    images, digits = load_digits(return_X_y=True)
    learn, held_out, learn_digits, held_out_digits = train_test_split(
        images.astype(np.float32), digits.astype(np.int64), test_size=1 / 3, random_state=seed, stratify=digits
    )
    network = _network(keras)
    network.fit(learn, learn_digits, epochs=EPOCHS, verbose=0, callbacks=_callbacks(keras, on_epoch))
    # The names of inputs and outputs become those of the signature.
    keras.Model(inputs=network.inputs, outputs={"scores": network.outputs[0]}).export(path, verbose=False)
    return HeldOut(held_out, held_out_digits, network.predict(held_out, verbose=0).argmax(axis=1))


def _network(keras: Any) -> Any:
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((64,), name="features"),
            layers.Rescaling(1 / 16),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(len(LABELS), activation="softmax"),
        ]
    )
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network


def _callbacks(keras: Any, on_epoch: OnEpoch | None) -> list[Any]:
    if on_epoch is None:
        return []
    return [keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: on_epoch(epoch + 1, logs["accuracy"]))]

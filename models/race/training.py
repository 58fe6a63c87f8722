"""Teach a network how races end."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.race.features import features
from models.race.lists import Lists
from models.race.loss import plackett_luce
from models.race.network import Settings, build, scoring
from models.race.race import Race

OnEpoch = Callable[[int, float], None]
"""Is told the number of epochs done and the loss so far."""


class RaceModel:
    """A trained model.

    Args:
        network: what `network.build` returned.
        settings: what it was built with.
    """

    def __init__(self, network: Any, settings: Settings) -> None:
        self._network = network
        self._settings = settings

    def scores(self, race: Race) -> npt.NDArray[np.float32]:
        """Return `[M, P]`, the logarithm of each participant's strength; 0 where one was not seen.

        The softmax over those seen at a moment is their chance to win.
        """
        found = self._network(features(race), training=False).numpy().mean(axis=1) * self._settings.sharpness
        return np.where(race.running, found, 0).astype(np.float32)

    def export(self, path: Path) -> None:
        """Write a SavedModel that scores one participant at one moment in each row; see `network.scoring`."""
        scoring(self._network, self._settings).export(path, verbose=False)


def train(races: Sequence[Race], settings: Settings, *, seed: int, on_epoch: OnEpoch | None = None) -> RaceModel:
    """Return a model that has learnt from all moments of these races.

    The same arguments give the same model on the same machine.
    """
    import keras

    from models.device import choose_device  # sets TensorFlow up before Keras finds it

    choose_device("auto")  # a service may be on the GPU already: no more of its memory than is needed
    keras.utils.set_random_seed(seed)
    lists = Lists.of(races)
    network = build(settings, lists.rows())
    steps = -(-len(lists.seen) // settings.batch) * settings.epochs
    rate = keras.optimizers.schedules.CosineDecay(settings.rate, steps)
    network.compile(keras.optimizers.AdamW(rate, weight_decay=settings.decay), partial(plackett_luce, top=settings.top))
    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=_telling(on_epoch))] if on_epoch else []
    learning = {"batch_size": settings.batch, "epochs": settings.epochs, "callbacks": callbacks, "verbose": 0}
    network.fit(lists.features, lists.seen[:, None], **learning)
    return RaceModel(network, settings)


def _telling(on_epoch: OnEpoch) -> Callable[[int, dict[str, float]], None]:
    return lambda epoch, logs: on_epoch(epoch + 1, float(logs["loss"]))

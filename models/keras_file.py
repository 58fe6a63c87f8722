"""A file of Keras 3 (`.keras`) as a predictor: it is exported as a SavedModel, and that is loaded."""

from pathlib import Path
from typing import Any

import models.runtime  # noqa: F401 - sets TensorFlow up before Keras finds it
from models.device import choose_device
from models.errors import ModelNotUsable
from models.failures import first_line
from models.fingerprint import read_contents
from models.options import Options
from models.saved_model import SavedModelPredictor
from models.saved_model import read as read_saved_model
from models.temporary import make_folder, remove, remove_with


def read(file: Path, options: Options) -> SavedModelPredictor:
    """Load the model in *file*.

    Raises:
        ModelNotUsable: Keras does not load or export it, or it cannot be used as asked.
    """
    # Keras uses TensorFlow's devices as it finds them.
    choose_device(options.device, gpu_memory_mb=options.gpu_memory_mb)
    beside = make_folder("streamrank-keras-")
    try:
        _export(file, beside)
        predictor = read_saved_model(beside, options, fingerprint=read_contents(file).fingerprint)
    except BaseException:
        remove(beside)
        raise
    # Not sooner: layers may read their assets whenever they are called.
    remove_with(predictor, beside)
    return predictor


def _export(file: Path, folder: Path) -> None:
    import keras

    try:
        # In safe mode, which is Keras's default, a file cannot bring code of its own along.
        model: Any = keras.saving.load_model(file, compile=False)
        model.export(folder, verbose=False)
    except Exception as error:  # a broken file, a layer that is registered nowhere: it has a dozen types for them
        raise ModelNotUsable(f"model path {file}: Keras cannot load and export it: {first_line(error)}") from error

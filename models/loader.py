"""Load a model, whatever its file is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from models import versions
from models.described import Described
from models.options import Options
from models.versions import Kind


def load(path: str | Path, *, version: str = versions.LATEST, name: str | None = None, **options: Any) -> Described:
    """Load a model; it is not warm yet.

    Args:
        path: a model, or a folder of models named by their version number.
        version: `latest` or the number of a version.
        name: what to call it; None: the last name of *path*.
        options: see `models.options.Options`.

    Raises:
        DeviceNotFound: the device is not there.
        SizesOpen: it is to be compiled, and may be called with any size of batch.
        ModelNotUsable: the model cannot be loaded or used as asked; the message says what there is instead.
    """
    place, number = versions.resolve(Path(path), version)
    asked = Options(name=name or Path(path).resolve().name, version=number, **options)
    return _reader(versions.kind_of(place))(place, asked)


def _reader(kind: Kind) -> Callable[[Path, Options], Described]:
    # Each brings a library along that the others do without.
    if kind is Kind.KERAS:
        from models import keras_file

        return keras_file.read
    if kind is Kind.TFLITE:
        from models import tflite_file

        return tflite_file.read
    from models import saved_model

    return saved_model.read

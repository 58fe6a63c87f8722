"""What can go wrong with a model, grouped by what the caller does next.

ModelError
├── ModelNotUsable      it cannot be loaded or used as asked: stop the start, say why
│   ├── DeviceNotFound  the device asked for is not there
│   ├── ScoresAmbiguous several outputs could hold the scores
│   └── SizesOpen       it is to be compiled, and any size of batch may come
├── RowsRefused         it refused this batch: some rows may be at fault, others may not
├── OutOfMemory         the device's memory did not hold this batch: try fewer rows at once
└── ModelUnavailable    it failed for a reason that is not in the rows: acknowledge nothing
"""

from collections.abc import Sequence


class ModelError(Exception):
    """Base of everything the models raise on purpose."""


class ModelNotUsable(ModelError):
    """The model cannot be loaded or used as asked; the message lists what there is instead."""


class DeviceNotFound(ModelNotUsable):
    """The device asked for is not there; the message lists the devices TensorFlow sees."""


class ScoresAmbiguous(ModelNotUsable):
    """Several outputs could hold the scores.

    Attributes:
        candidates: their names.
    """

    def __init__(self, message: str, candidates: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.candidates = tuple(candidates)


class SizesOpen(ModelNotUsable):
    """The model is to be compiled for every size of batch, and any size may come."""


class RowsRefused(ModelError):
    """The model refused this batch; tried alone, the rows that are not at fault will pass."""


class OutOfMemory(ModelError):
    """The memory of the device did not hold this batch; fewer rows at once may fit."""


class ModelUnavailable(ModelError):
    """The model failed for a reason that is not in the rows (internal, unavailable, aborted)."""


class RacesNotUsable(ModelError):
    """The files of races are not there, or not as expected; the message names file, column and what was expected."""

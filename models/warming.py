"""The first calls of a model, with rows made up or recorded."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import numpy as np

from models.errors import ModelError, ModelNotUsable, OutOfMemory
from models.predictor import Columns, Predictor, height
from models.rows import made_up_rows
from models.signature import Signature

# Of the shapes that an input of any shape is tried with, the commonest first.
_RANKS = (1, 0, 2, 3)


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows that a model should be able to answer.

    Attributes:
        columns: at least one row.
        origin: what they are, for a message.
    """

    columns: Columns
    origin: str

    @classmethod
    def made_up(cls, signature: Signature, *, rank: int = 0, true: bool = False) -> Self:
        """Return one row of zeros and empty strings; inputs of any shape have *rank* axes of length 1.

        Booleans are as *true* says: a mask of nothing but padding is more than some models take.
        """
        return cls(made_up_rows(signature, 1, rank=rank, true=true), "made-up rows (zeros and empty strings)")

    @classmethod
    def that_works(cls, predictor: Predictor) -> Self:
        """Return a made-up row that *predictor* answers, if there is one: where any shape goes, some may not."""
        made_up = [cls.made_up(predictor.signature, rank=rank, true=true) for true in (False, True) for rank in _RANKS]
        if any(spec.shape is None or spec.dtype == "bool" for spec in predictor.signature.inputs):
            for sample in made_up:
                with suppress(ModelError):
                    predictor.predict(sample.columns)
                    return sample
        return made_up[0]

    def rows(self, count: int) -> Columns:
        """Return *count* rows, the same ones again and again."""
        places = np.arange(count) % height(self.columns)
        return {name: column[places] for name, column in self.columns.items()}


def warm_up(predictor: Predictor, sample: Sample, sizes: Iterable[int]) -> None:
    """Run so many rows of *sample* at a time through *predictor*.

    Where the device's memory does not hold as many, half as many are tried, and so on: batches of records are split in
    the same way.

    Raises:
        ModelNotUsable: the model cannot answer even these rows, or answers for another number of rows.
    """
    for rows in sizes:
        _run(predictor, sample, rows)


def _run(predictor: Predictor, sample: Sample, rows: int) -> None:
    try:
        answered = len(predictor.predict(sample.rows(rows)).scores)
    except ModelError as error:
        if isinstance(error, OutOfMemory) and rows > 1:
            _run(predictor, sample, rows // 2)
            return
        raise ModelNotUsable(f"model {predictor.name} fails for {sample.origin}: {error}") from error
    if answered != rows:
        raise ModelNotUsable(
            f"model {predictor.name} was given {rows} rows and answered for {answered}: "
            "its outputs need the batch axis of its inputs"
        )

"""The first calls of a model, with made-up rows."""

from collections.abc import Iterable

from models.errors import ModelError, ModelNotUsable, OutOfMemory
from models.predictor import Predictor
from models.rows import made_up_rows


def warm_up(predictor: Predictor, sizes: Iterable[int]) -> None:
    """Run so many rows of zeros and empty strings at a time through *predictor*.

    Where the device's memory does not hold as many, half as many are tried, and so on: batches of records are split in
    the same way.

    Raises:
        ModelNotUsable: the model cannot answer even these rows, or answers for another number of rows.
    """
    for rows in sizes:
        _run(predictor, rows)


def _run(predictor: Predictor, rows: int) -> None:
    try:
        answered = len(predictor.predict(made_up_rows(predictor.signature, rows)).scores)
    except ModelError as error:
        if isinstance(error, OutOfMemory) and rows > 1:
            _run(predictor, rows // 2)
            return
        raise ModelNotUsable(
            f"model {predictor.name} fails for made-up rows (zeros and empty strings): {error}"
        ) from error
    if answered != rows:
        raise ModelNotUsable(
            f"model {predictor.name} was given {rows} rows and answered for {answered}: "
            "its outputs need the batch axis of its inputs"
        )

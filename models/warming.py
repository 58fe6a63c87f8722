"""The first calls of a model, with made-up rows."""

from models.errors import ModelError, ModelNotUsable, OutOfMemory
from models.predictor import Predictor
from models.rows import made_up_rows


def warm_up(predictor: Predictor, batch_size: int) -> None:
    """Run rows of zeros and empty strings through *predictor*, one and *batch_size* at a time.

    Where the device's memory does not hold *batch_size* rows, half as many are tried, and so on: batches of records
    are split in the same way.

    Raises:
        ModelNotUsable: the model cannot answer even these rows.
    """
    for rows in (1, batch_size):
        _run(predictor, rows)


def _run(predictor: Predictor, rows: int) -> None:
    try:
        predictor.predict(made_up_rows(predictor.signature, rows))
    except ModelError as error:
        if isinstance(error, OutOfMemory) and rows > 1:
            _run(predictor, rows // 2)
            return
        raise ModelNotUsable(
            f"model {predictor.name} fails for made-up rows (zeros and empty strings): {error}"
        ) from error

"""Which of a model's scores ranks candidates."""

from app.errors import StartFailed
from models.predictor import Predictor

_SHOWN = 10


def score_column(predictor: Predictor, wanted: str | None) -> int:
    """Return the number of the score that *wanted* names: by its label, else by its number; None: the only one.

    Raises:
        StartFailed: there is no such score, or it is not clear which one is meant.
    """
    labels, classes = predictor.labels, predictor.classes
    there = "any number of scores" if classes is None else f"{classes} scores"
    if labels is not None:
        there += f", labelled {', '.join(labels[:_SHOWN])}{', ...' if len(labels) > _SHOWN else ''}"
    if wanted is None:
        if classes == 1:
            return 0
        raise StartFailed(f"MODEL_SCORE_COLUMN is missing: the model gives {there} for a candidate; name one of them")
    if labels is not None and wanted in labels:
        return list(labels).index(wanted)
    if wanted.isascii() and wanted.isdecimal() and (classes is None or int(wanted) < classes):
        return int(wanted)
    raise StartFailed(f"MODEL_SCORE_COLUMN={wanted}: the model gives {there}")

"""A predictor that also tells how it came to be what it is; `streamrank inspect` asks it."""

from typing import Protocol

from models.predictor import Columns, Predictor
from models.scores import Output


class Described(Predictor, Protocol):
    """A predictor that was loaded from a file."""

    @property
    def batch(self) -> int | None:
        """How many rows the signature takes in every call; None: any number."""

    @property
    def outputs(self) -> tuple[Output, ...]:
        """All outputs of the signature."""

    @property
    def scores(self) -> Output:
        """The output that holds the scores."""

    @property
    def labels_output(self) -> str | None:
        """The output that holds the labels, if one does."""

    def known_good_rows(self, count: int) -> Columns:
        """Return *count* rows that the model answered in `warm_up`."""

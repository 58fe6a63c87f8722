"""Batches of allowed sizes only: filled up with copies of a row, split where they are too large."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from models.errors import ModelUnavailable
from models.predictor import Columns, TopK, height


class BatchSizes:
    """The sizes of the batches that a model is called with.

    Args:
        allowed: ascending; none: any size goes.
        on_padding: told how many rows were added to a batch only to fill it up.
    """

    def __init__(self, allowed: Sequence[int] = (), *, on_padding: Callable[[int], None] = lambda _: None) -> None:
        self._allowed = tuple(allowed)
        self._on_padding = on_padding

    @property
    def largest(self) -> int | None:
        """The largest size; None: there is none."""
        return self._allowed[-1] if self._allowed else None

    def run(self, predict: Callable[[Columns], TopK], columns: Columns) -> TopK:
        """Return what *predict* says of the rows in *columns*, called with batches of the allowed sizes.

        What fills a batch up is a copy of its last row, which the model takes if it takes that one.

        Raises:
            ModelUnavailable: the model answers for another number of rows than it was given.
        """
        if not self._allowed or not (rows := height(columns)):
            return predict(columns)
        return TopK.join([self._part(predict, columns, start, stop) for start, stop in self._runs(rows)])

    def within(self, most: int) -> int:
        """Return how many rows may come so that no batch with more than *most* is run."""
        if not self._allowed:
            return most
        return max((size for size in self._allowed if size <= most), default=0)

    def up_to(self, most: int) -> tuple[int, ...]:
        """Return the sizes that batches of 1 to *most* rows are run with."""
        if not self._allowed:
            return tuple(sorted({1, most}))
        return tuple(size for size in self._allowed if size <= self._filled(min(most, self._allowed[-1])))

    def _runs(self, rows: int) -> Iterator[tuple[int, int]]:
        largest = self._allowed[-1]
        return ((start, min(start + largest, rows)) for start in range(0, rows, largest))

    def _part(self, predict: Callable[[Columns], TopK], columns: Columns, start: int, stop: int) -> TopK:
        rows = stop - start
        size = self._filled(rows)
        part = {name: column[start:stop] for name, column in columns.items()}
        if size > rows:
            self._on_padding(size - rows)
            part = {name: np.concatenate([column, column[-1:].repeat(size - rows, 0)]) for name, column in part.items()}
        ranking = predict(part)
        # Checked here, because the cut would hide it, and give records the scores of others.
        if len(ranking.scores) != size:
            raise ModelUnavailable(f"the model was given {size} rows and answered for {len(ranking.scores)}")
        return ranking.rows(0, rows)

    def _filled(self, rows: int) -> int:
        return next(size for size in self._allowed if size >= rows)

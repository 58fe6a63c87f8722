"""Which rows of a model's input belong to records that are traced."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from opentelemetry.trace import Span


@dataclass(frozen=True, slots=True)
class RowSpans:
    """The spans of the records that rows belong to.

    Attributes:
        spans: by row; None where the record is not traced.
    """

    spans: "Sequence[Span | None]"

    def take(self, rows: Sequence[int] | npt.NDArray[np.intp]) -> Self:
        """Return those of some of the rows, in that order."""
        return type(self)([self.spans[row] for row in rows])

    def between(self, start: int, stop: int) -> "Iterator[Span]":
        """Yield those of the rows from *start* to before *stop*, once for each row."""
        return (span for span in self.spans[start:stop] if span is not None)

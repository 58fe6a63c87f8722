"""Until when a record is worth scoring."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from app.errors import Expired, Reason, RejectedRecord
from app.records import Headers

DEADLINE = "deadline"
"""The header that says when a record is of no use any more, in milliseconds since the epoch."""

_MOST_DIGITS = 15


class Dated(Protocol):
    """What a record tells of its time; the timestamp in milliseconds since the epoch, -1 when it has none."""

    @property
    def timestamp(self) -> int:
        """When it was written."""

    @property
    def headers(self) -> Headers:
        """Its headers."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """When rows expire.

    Attributes:
        until: `[R]`, milliseconds since the epoch; infinite for those that never do.
        by_header: `[R]`, whether the record itself says so.
        max_age_ms: how old the others may be.
        skip: whether those that expire leave no dead letter.
    """

    until: npt.NDArray[np.float64]
    by_header: npt.NDArray[np.bool_]
    max_age_ms: int
    skip: bool

    def take(self, rows: Sequence[int] | npt.NDArray[np.intp]) -> Self:
        """Return that of some of the rows, in that order."""
        places = np.asarray(rows, np.intp)
        return type(self)(self.until[places], self.by_header[places], self.max_age_ms, self.skip)

    def expired(self, start: int, stop: int, now_ms: float) -> dict[int, RejectedRecord]:
        """Return which of the rows from *start* to before *stop* have expired, counted from *start*, in words."""
        late = now_ms - self.until[start:stop]
        return {row: self._told(start + row, float(late[row])) for row in np.flatnonzero(late > 0).tolist()}

    def _told(self, row: int, late_ms: float) -> Expired:
        when = "before its batch was formed"
        if self.by_header[row]:
            return Expired(Reason.DEADLINE, f"its deadline was {late_ms:.0f} ms {when}", skipped=self.skip)
        age = f"it was written {late_ms + self.max_age_ms:.0f} ms {when}"
        allowed = f"FRESHNESS_MAX_AGE_MS allows {self.max_age_ms}"
        return Expired(Reason.MAX_AGE, f"{age}; {allowed}", skipped=self.skip)


class Freshness:
    """Knows how long records are worth scoring.

    A header `deadline` counts always, and for its record alone; one that is no whole number counts for nothing.

    Args:
        max_age_ms: for records without that header; 0: for ever.
        skip: whether records that expire leave no dead letter.
    """

    def __init__(self, max_age_ms: int, *, skip: bool) -> None:
        self._max_age_ms = max_age_ms
        self._skip = skip

    def of(self, records: Sequence[Dated]) -> Expiry | None:
        """Return when *records* expire; None when none of them ever does."""
        told = {place: _deadline(record.headers) for place, record in enumerate(records) if record.headers}
        told = {place: until for place, until in told.items() if until is not None}
        if not told and not self._max_age_ms:
            return None
        until = np.full(len(records), np.inf)
        if self._max_age_ms:
            written = np.fromiter((record.timestamp for record in records), np.float64, len(records))
            until = np.where(written >= 0, written + self._max_age_ms, np.inf)
        by_header = np.zeros(len(records), np.bool_)
        for place, deadline in told.items():
            until[place], by_header[place] = deadline, True
        return Expiry(until, by_header, self._max_age_ms, self._skip)


def _deadline(headers: Headers) -> int | None:
    """The last header that says one, as Kafka's own clients read headers of one name."""
    for name, value in reversed(headers):
        if name == DEADLINE:
            text = (value or b"").strip()
            return int(text) if text.isdigit() and len(text) <= _MOST_DIGITS else None
    return None

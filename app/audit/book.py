"""What is known of the offsets of one input partition."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from app.audit.ranges import Offsets, Ranges

# One byte per offset: a record of the input is there; it is answered; more than once; in the place that is being read;
# in several places.
_RECORD, _ANSWERED, _AGAIN, _HERE, _SPREAD = 1, 2, 4, 8, 16


@dataclass(frozen=True, slots=True)
class Span:
    """What is looked at of an input partition: the offsets from *start* until before *stop*.

    Attributes:
        start: the first offset that is looked at; at least the first that the broker still has.
        stop: the offset after the last that is looked at.
        end: the offset after the last that the partition has, at least *stop*.
    """

    start: int
    stop: int
    end: int


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the records of one input partition; an answer is an output or a dead letter that names its offset.

    Attributes:
        span: what was looked at.
        records: how many records are there.
        missing: those without an answer.
        duplicated: those with more than one.
        repeats: how many answers there are beyond the first of each record.
        foreign: offsets that answers name and the partition does not have.
        earlier: how many answers name what comes before the span, or what the broker has deleted.
        later: how many answers name what comes after the span.
        disordered: by output partition, the offsets that came there for the first time after a higher one, and came
            nowhere else.
    """

    span: Span
    records: int
    missing: Ranges
    duplicated: Ranges
    repeats: int
    foreign: Ranges
    earlier: int
    later: int
    disordered: Mapping[str, Ranges]

    @property
    def answered(self) -> int:
        """How many records have an answer."""
        return self.records - self.missing.count


class Book:
    """Gathers what one `Account` says.

    Args:
        span: what is looked at.
        holes: whether the broker may have deleted records anywhere in it (compaction), not only before it.
    """

    def __init__(self, span: Span, *, holes: bool) -> None:
        self._span = span
        self._holes = holes
        self._deleted_below = span.start
        self._flags = np.zeros(span.stop - span.start, np.uint8)
        self._repeats = 0
        self._others: list[Offsets] = []
        self._highest_here = -1
        self._disordered: dict[str, list[Offsets]] = {}

    def record(self, offsets: Offsets) -> None:
        """The input has records at *offsets*."""
        self._flags[offsets[self._is_inside(offsets)] - self._span.start] |= _RECORD

    def delete(self, below: int) -> None:
        """The broker has meanwhile deleted what is below an offset."""
        self._deleted_below = max(self._deleted_below, below)

    def leave(self) -> None:
        """What is answered from now on is answered in another place."""
        if self._highest_here >= 0:
            self._flags &= ~np.uint8(_HERE)
            self._highest_here = -1

    def answer(self, place: str, offsets: Offsets) -> None:
        """A place has answers to *offsets*, in this order."""
        if len(index := self._known(offsets)):
            self._answer(place, index)

    def stand_for(self, run: range) -> None:
        """An answer names a run of offsets beside its own; they were overtaken, so there is no order to keep."""
        # One that is not ours may name any number of them; those that nobody has are told by the first.
        start, stop = max(run.start, self._span.start), min(run.stop, self._span.stop)
        outside = [offset for offset in (run.start, run.stop - 1) if not start <= offset < stop]
        if outside:
            self._others.append(np.array(outside, np.int64))
        index = self._known(np.arange(start, stop, dtype=np.int64))
        before = (self._flags[index] & _ANSWERED) != 0
        self._repeats += int(np.count_nonzero(before))
        self._flags[index[before]] |= _AGAIN
        self._flags[index] |= _ANSWERED

    def _known(self, offsets: Offsets) -> Offsets:
        """The places of those *offsets* that have records; the others are noted."""
        inside = self._is_inside(offsets)
        inside[inside] = (self._flags[offsets[inside] - self._span.start] & _RECORD) != 0
        if not inside.all():
            self._others.append(offsets[~inside])
        places: Offsets = offsets[inside] - self._span.start
        return places

    def account(self) -> Account:
        """What is known by now."""
        span, flags = self._span, self._flags
        others = np.concatenate(self._others) if self._others else np.empty(0, np.int64)
        earlier = others < self._deleted_below
        if self._holes:
            earlier |= self._is_inside(others)
        later = ~earlier & (others >= span.stop) & (others < span.end)
        # What is not there any more needs no answer: those that it had may be gone with it.
        gone = flags[: max(0, self._deleted_below - span.start)]
        gone[(gone & _ANSWERED) == 0] = 0
        return Account(
            span=span,
            records=int(np.count_nonzero(flags & _RECORD)),
            missing=Ranges.where(flags, _RECORD | _ANSWERED, _RECORD, span.start),
            duplicated=Ranges.where(flags, _AGAIN, _AGAIN, span.start),
            repeats=self._repeats,
            foreign=Ranges.of(others[~(later | earlier)]),
            earlier=int(np.count_nonzero(earlier)),
            later=int(np.count_nonzero(later)),
            disordered={place: Ranges.of(late) for place, late in self._late() if len(late)},
        )

    def _late(self) -> Iterator[tuple[str, Offsets]]:
        for place, found in self._disordered.items():
            late = np.concatenate(found)
            # Which of its places was the first nobody knows; perhaps it was in order there.
            yield place, late[(self._flags[late - self._span.start] & _SPREAD) == 0]

    def _is_inside(self, offsets: Offsets) -> np.ndarray:
        return (offsets >= self._span.start) & (offsets < self._span.stop)

    def _answer(self, place: str, index: Offsets) -> None:
        distinct, first_at, count = np.unique(index, return_index=True, return_counts=True)
        before = self._flags[distinct]
        was_answered = (before & _ANSWERED) != 0
        self._repeats += len(index) - int(np.count_nonzero(~was_answered))
        arrivals = index[np.sort(first_at[(before & _HERE) == 0])]
        self._check_order(place, arrivals)
        again = was_answered | (count > 1)
        self._flags[distinct] |= _ANSWERED | _HERE
        self._flags[distinct[was_answered & ((before & _HERE) == 0)]] |= _SPREAD
        self._flags[distinct[again]] |= _AGAIN

    def _check_order(self, place: str, arrivals: Offsets) -> None:
        highest = np.maximum.accumulate(np.concatenate(([self._highest_here], arrivals)))
        if len(late := arrivals[arrivals < highest[:-1]]):
            self._disordered.setdefault(place, []).append(late + self._span.start)
        self._highest_here = int(highest[-1])

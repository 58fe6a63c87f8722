"""Records with a list of candidates as rows for a model: each candidate is a row."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from msgspec import UNSET

from app.codecs.columns import Column, Extent, Row
from app.codecs.fast_lists import Cells, Entries, merged
from app.codecs.json import Decoded, Grouping, InputRecord, RowGroup, columns_of, fallback_id
from app.codecs.list_fields import ListFields
from app.codecs.list_reader import ListReader
from app.codecs.verdict import refusal
from app.errors import Reason, RejectedRecord
from models.signature import Signature

# From so many bytes on, what the candidates of a record share is not copied for each of them.
_HEAVY_BYTES = 1 << 20
# The rows of one portion may take about so much, and each candidate about so much more than its numbers.
PORTION_BYTES = 16 << 20
CANDIDATE_BYTES = 256
# A number of one digit and its comma are 2 bytes in JSON, and up to 8 in a column.
LARGEST_GROWTH = 4

R = TypeVar("R", bound=InputRecord)

_Kind = tuple[tuple[bool, Extent | None], ...]


@dataclass(frozen=True, slots=True)
class CandidateList:
    """The candidates of one record, as a run of those of all.

    Attributes:
        id: the record's.
        start: the first.
        stop: the one after the last.
        dropped: how many of the record's are not among them, because they are at fault.
    """

    id: str | int
    start: int
    stop: int
    dropped: int


@dataclass(frozen=True, slots=True)
class DecodedLists(Decoded):
    """What became of a chunk; the positions and ids of the groups' rows are candidates, counted over all records.

    Attributes:
        lists: by the place of the record; all but the rejected ones have one, which may be empty.
        ids: of all candidates.
        taken: how many records these are; the decoder stops where their rows would take too much memory.
    """

    lists: Mapping[int, CandidateList]
    ids: Sequence[str | int]
    taken: int


class ListDecoder(Protocol):
    """Who turns records with candidates into rows."""

    def decode(self, records: Sequence[InputRecord], origin: str) -> DecodedLists:
        """Return the rows of the first of *records*, at least of one, and why some bring none."""


def portions(decoder: ListDecoder, records: Sequence[R], origin: str) -> Iterator[tuple[Sequence[R], DecodedLists]]:
    """Yield *records* in turn, as many at a time as *decoder* takes, and what became of them."""
    start = 0
    while start < len(records):
        rest = records[start:] if start else records
        decoded = decoder.decode(rest, origin)
        yield rest[: decoded.taken], decoded
        start += decoded.taken


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one record may ask for.

    Attributes:
        max_bytes: longer values are refused unread.
        candidates: longer lists are refused; IN_FLIGHT_MAX_RECORDS.
        batch_rows: most rows in a batch.
        batch_bytes: what candidates share may take so much in a batch; IN_FLIGHT_MAX_BYTES.
    """

    max_bytes: int
    candidates: int
    batch_rows: int
    batch_bytes: int

    def check(self, entries: Entries) -> None:
        """Refuse a list that is too long.

        Raises:
            RejectedRecord: it is.
        """
        if (count := len(entries.ids)) > self.candidates:
            allowed = f"IN_FLIGHT_MAX_RECORDS allows {self.candidates}"
            raise refusal(Reason.TOO_LARGE, f"a list of {count} candidates; {allowed}")


def shared_bytes(columns: Sequence[Column], entries: Entries) -> int:
    """Return what the cells take that candidates share."""
    there = zip(columns, entries.shared, strict=True)
    return sum(column.stack([cell])[1] for column, cell in there if cell is not UNSET)


class CandidateDecoder:
    """Turn the bytes of records into rows, one for each candidate.

    An input is read from the candidate, else from the record, for all of its candidates alike. A candidate without an
    id is called by its place in the list, from 0.

    Args:
        signature: what a row must bring.
        fields: dotted paths of the inputs that are not found under their own name.
        id_field: dotted path of the record's id.
        candidates_field: dotted path of the list.
        candidate_id_field: dotted path of a candidate's id.
        bounds: of one record.
        drop: whether a candidate that is at fault is left out, instead of the record.

    Raises:
        StartFailed: a path is wrong, or JSON cannot carry a dtype; one line per mistake.
    """

    def __init__(
        self,
        signature: Signature,
        *,
        fields: Mapping[str, str],
        id_field: str,
        candidates_field: str,
        candidate_id_field: str,
        bounds: Bounds,
        drop: bool,
    ) -> None:
        paths = ListFields.of(
            signature,
            fields=fields,
            id_field=id_field,
            candidates_field=candidates_field,
            candidate_id_field=candidate_id_field,
        )
        self._columns = columns_of(signature)
        self._reader = ListReader(self._columns, paths, bounds.max_bytes, drop=drop)
        self._bounds = bounds
        self._grouping = Grouping(self._columns)

    def decode(self, records: Sequence[InputRecord], origin: str) -> DecodedLists:
        """Return the rows of the first of *records*, and why some bring none; *origin* is their `topic-partition`."""
        rejected: dict[int, RejectedRecord] = {}
        lists: dict[int, CandidateList] = {}
        ids: list[str | int] = []
        rows: list[Row] = []
        places: list[int] = []
        groups: list[RowGroup] = []
        taken = weight = 0
        for place, record in enumerate(records):
            taken += 1
            try:
                entries, dropped = self._reader.read(record.value)
                self._bounds.check(entries)
                copied = self._copied(entries, len(record.value or b""))
                apart = copied > _HEAVY_BYTES
                if apart:
                    self._refuse_heavy(copied, len(entries.ids))
            except RejectedRecord as rejection:
                # A new one, because the traceback of this one keeps the parsed record alive.
                rejected[place] = RejectedRecord(rejection.reason, rejection.message)
                continue
            start = len(ids)
            ids += entries.ids
            record_id = fallback_id(record, origin) if entries.id is None else entries.id
            lists[place] = CandidateList(record_id, start, len(ids), dropped)
            if apart:
                groups += self._apart(entries, start)
            else:
                rows += merged(entries)
                places += range(start, len(ids))
                weight += copied
            weight += len(entries.ids) * CANDIDATE_BYTES + len(record.value or b"") * LARGEST_GROWTH
            if weight > PORTION_BYTES:
                break
        groups += self._grouping.groups(rows, places)
        return DecodedLists(tuple(groups), tuple(rejected.items()), lists, ids, taken)

    def _copied(self, entries: Entries, size: int) -> int:
        """About how many bytes it takes to give each candidate of a record of *size* bytes what they share."""
        if (most := len(entries.ids) * size * LARGEST_GROWTH) <= _HEAVY_BYTES // 16:
            return most
        return len(entries.ids) * shared_bytes(self._columns, entries)

    def _refuse_heavy(self, copied: int, count: int) -> None:
        """Refuse what would take too much in a single batch, where each row has it."""
        rows = min(count, self._bounds.batch_rows)
        if (nbytes := copied // count * rows) > self._bounds.batch_bytes:
            words = f"what {count} candidates share takes {nbytes} bytes in a batch of {rows} rows"
            raise refusal(
                Reason.TOO_LARGE,
                f"{words}; IN_FLIGHT_MAX_BYTES allows {self._bounds.batch_bytes}: raise it, or lower BATCH_MAX_SIZE",
            )

    def _apart(self, entries: Entries, start: int) -> Iterator[RowGroup]:
        """The rows of one record, in which what they share is there once."""
        alike: dict[_Kind, list[int]] = {}
        for place, cells in enumerate(entries.own):
            alike.setdefault(self._kind(cells, entries.shared), []).append(place)
        shared: dict[int, npt.NDArray[Any]] = {}
        for kind, places in alike.items():
            columns, nbytes = {}, 0
            for number, column in enumerate(self._columns):
                mine = [entries.own[place][number] for place in places]
                if mine[0] is not UNSET:
                    columns[column.name], size = column.stack(mine)
                    nbytes += size
                    continue
                if number not in shared:
                    other = entries.shared[number]
                    shared[number], size = column.stack([None if other is UNSET else other])
                    nbytes += size
                once = shared[number]
                columns[column.name] = np.broadcast_to(once, (len(places), *once.shape[1:]))
            shapes = tuple(shape for _, shape in kind if shape is not None)
            ids = [entries.ids[place] for place in places]
            yield RowGroup([start + place for place in places], ids, columns, shapes, nbytes)

    def _kind(self, cells: Cells, shared: Cells) -> _Kind:
        """What rows must have in common: which inputs they bring themselves, and the shapes of the open ones."""
        return tuple(
            (
                cell is UNSET,
                column.extent(other if cell is UNSET else cell) if column.is_open else None,
            )
            for cell, other, column in zip(cells, shared, self._columns, strict=True)
        )

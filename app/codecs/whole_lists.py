"""Records with a list of candidates as rows for a model that takes a whole list at once: a listwise ranker."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import UNSET

from app.codecs.candidates import (
    CANDIDATE_BYTES,
    LARGEST_GROWTH,
    PORTION_BYTES,
    Bounds,
    CandidateList,
    DecodedLists,
    shared_bytes,
)
from app.codecs.columns import Column, Row
from app.codecs.fast_lists import Cells, Entries, merged
from app.codecs.json import InputRecord, RowGroup, columns_of, fallback_id
from app.codecs.list_fields import ListFields
from app.codecs.list_reader import ListReader
from app.codecs.verdict import refusal
from app.errors import Reason, RejectedRecord, StartFailed
from models.signature import Signature, TensorSpec

# Lists of 5 to 8 share a batch, those of 9 to 16, and so on.
_SHORTEST = 4
_MOST_SHARED_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ListAxis:
    """Where a signature has the candidates of a list: in the first axis of a row.

    Attributes:
        length: how many it takes; None: any number.
        mask: the input that tells candidates from padding; None: there is none.
    """

    length: int | None
    mask: str | None

    def has(self, column: Column) -> bool:
        """Tell whether an input has one cell for each candidate."""
        return bool(column.shape) and column.shape[0] == self.length  # type: ignore[index]

    def takes_as_mask(self, spec: TensorSpec) -> bool:
        """Tell whether an input can be a mask."""
        return spec.shape == (self.length,) and spec.dtype != "string" and not spec.loose

    def padded(self, height: int) -> int:
        """Return how long the rows are in which a list of *height* candidates is.

        Raises:
            RejectedRecord: no such list can be.
        """
        if self.length is None:
            return height if self.mask is None else max(_SHORTEST, 1 << (height - 1).bit_length())
        if height > self.length or (self.mask is None and height < self.length):
            wanted = "exactly" if self.mask is None else "at most"
            raise refusal(Reason.WRONG_SHAPE, f"a list of {height}; the model takes {wanted} {self.length} candidates")
        return self.length


class WholeListDecoder:
    """Turn the bytes of records into rows, one for each list.

    An input that has the list's axis is read from each candidate, else from the record, for all of its candidates
    alike; the others are read from the record. Behind the last candidate a row is filled up with zeros and empty
    strings where there is a mask; without one, only lists of one length share a batch.

    Args:
        signature: what a row must bring.
        axis: where the candidates are.
        fields: dotted paths of the inputs that are not found under their own name.
        id_field: dotted path of the record's id.
        candidates_field: dotted path of the list.
        candidate_id_field: dotted path of a candidate's id.
        bounds: of one record.
        drop: whether a candidate that is at fault is left out, instead of the record.

    Raises:
        StartFailed: a path is wrong, JSON cannot carry a dtype, or an input's shape is not known; one line per mistake.
    """

    def __init__(
        self,
        signature: Signature,
        axis: ListAxis,
        *,
        fields: Mapping[str, str],
        id_field: str,
        candidates_field: str,
        candidate_id_field: str,
        bounds: Bounds,
        drop: bool,
    ) -> None:
        read = Signature(signature.name, tuple(spec for spec in signature.inputs if spec.name != axis.mask))
        paths = ListFields.of(
            read,
            fields=fields,
            id_field=id_field,
            candidates_field=candidates_field,
            candidate_id_field=candidate_id_field,
        )
        inputs = list(zip(columns_of(read), paths.inputs, strict=True))
        inside = [(column, path) for column, path in inputs if axis.has(column)]
        _check(signature, axis, [column for column, _ in inputs], [column for column, _ in inside])
        self._axis = axis
        self._mask = next((spec for spec in signature.inputs if spec.name == axis.mask), None)
        self._columns = [replace(column, shape=(column.shape or ())[1:]) for column, _ in inside]
        outside = [(column, path) for column, path in inputs if not axis.has(column)]
        self._outside = [column for column, _ in outside]
        mine = replace(paths, inputs=tuple(path for _, path in inside))
        self._reader = ListReader(self._columns, mine, bounds.max_bytes, drop=drop, outside=outside)
        self._bounds = bounds
        numbers = (column.element.dtype.itemsize * math.prod(column.shape or ()) for column in self._columns)  # type: ignore[arg-type]
        self._candidate_bytes = CANDIDATE_BYTES + sum(numbers)

    def decode(self, records: Sequence[InputRecord], origin: str) -> DecodedLists:
        """Return the rows of the first of *records*, and why some bring none; *origin* is their `topic-partition`."""
        rejected: dict[int, RejectedRecord] = {}
        lists: dict[int, CandidateList] = {}
        ids: list[str | int] = []
        alike: dict[int, list[tuple[int, list[Row], Cells]]] = {}
        taken = weight = 0
        for place, record in enumerate(records):
            taken += 1
            try:
                entries, dropped = self._reader.read(record.value)
                self._bounds.check(entries)
                length = self._axis.padded(len(entries.ids)) if entries.ids else 0
                self._refuse_heavy(entries)
            except RejectedRecord as rejection:
                # A new one, because the traceback of this one keeps the parsed record alive.
                rejected[place] = RejectedRecord(rejection.reason, rejection.message)
                continue
            record_id = fallback_id(record, origin) if entries.id is None else entries.id
            lists[place] = CandidateList(record_id, len(ids), len(ids) + len(entries.ids), dropped)
            ids += entries.ids
            if length:
                alike.setdefault(length, []).append((place, merged(entries), entries.outside))
            weight += length * self._candidate_bytes + len(record.value or b"") * LARGEST_GROWTH
            if weight > PORTION_BYTES:
                break
        groups = tuple(self._group(length, members, lists) for length, members in alike.items())
        return DecodedLists(groups, tuple(rejected.items()), lists, ids, taken)

    def _refuse_heavy(self, entries: Entries) -> None:
        """Refuse what candidates share where that would be copied into far more memory than the record takes."""
        if all(cell is UNSET for cell in entries.shared):
            return
        if (nbytes := shared_bytes(self._columns, entries) * len(entries.ids)) > _MOST_SHARED_BYTES:
            heavy = f"what {len(entries.ids)} candidates share takes {nbytes} bytes when each gets it"
            way = "a model can take it once, as an input without the list's axis"
            raise refusal(Reason.TOO_LARGE, f"{heavy}, {_MOST_SHARED_BYTES} are allowed; {way}")

    def _group(
        self, length: int, members: Sequence[tuple[int, list[Row], Cells]], lists: Mapping[int, CandidateList]
    ) -> RowGroup:
        places, rows, outside = zip(*members, strict=True)
        heights = [len(each) for each in rows]
        owners = np.repeat(np.arange(len(rows)), heights)
        seats = np.concatenate([np.arange(height) for height in heights])
        columns: dict[str, npt.NDArray[Any]] = {}
        for number, column in enumerate(self._columns, start=1):
            flat, _ = column.stack([row[number] for each in rows for row in each])
            filled = np.zeros((len(rows), length, *flat.shape[1:]), flat.dtype)
            if column.element.kind == "string":
                filled[...] = b""
            filled[owners, seats] = flat
            columns[column.name] = filled
        if self._mask is not None:
            mask = np.zeros((len(rows), length), self._mask.dtype)
            mask[owners, seats] = 1
            columns[self._mask.name] = mask
        for number, column in enumerate(self._outside):
            columns[column.name], _ = column.stack([cells[number] for cells in outside])
        nbytes = sum(each.nbytes for each in columns.values())
        return RowGroup(places, [lists[place].id for place in places], columns, length, nbytes)


def _check(signature: Signature, axis: ListAxis, columns: Sequence[Column], inside: Sequence[Column]) -> None:
    mistakes = []
    mask = next((spec for spec in signature.inputs if spec.name == axis.mask), None)
    if mask is not None and not axis.takes_as_mask(mask):
        what = f"the input {mask.name!r} is {mask.dtype} {list(mask.shape or ())} a row"
        mistakes.append(
            f"CANDIDATE_MASK_INPUT={mask.name}: {what}; expected numbers or booleans, one for each candidate"
        )
    if axis.mask is not None and mask is None:
        there = ", ".join(spec.name for spec in signature.inputs)
        what = f"the signature {signature.name!r} has no such input; it has: {there}"
        mistakes.append(f"CANDIDATE_MASK_INPUT={axis.mask}: {what}")
    if not inside:
        length = "an open first axis" if axis.length is None else f"a first axis of {axis.length}"
        mistakes.append(
            f"CANDIDATE_ROWS=list: no input of the signature {signature.name!r} has {length}, as its scores have; "
            "one candidate a row is CANDIDATE_ROWS=each"
        )
    for column in columns:
        rest = (column.shape or ())[1:] if column in inside else column.shape
        if column.loose or rest is None or None in rest:
            mistakes.append(
                f"CANDIDATE_ROWS=list: the shape of the input {column.name!r} is not known but for the list's axis"
            )
    if mistakes:
        raise StartFailed("\n".join(mistakes))

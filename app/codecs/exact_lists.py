"""The exact way through a record with candidates: see `app.codecs.exact`."""

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from app.codecs.columns import Column
from app.codecs.exact import MISSING, ExactReader, cell_in, find, id_in
from app.codecs.fast_lists import Cells, Entries
from app.codecs.fields import FieldPath, RecordFields
from app.codecs.list_fields import ListFields
from app.codecs.tensor import Mismatch
from app.codecs.verdict import refusal, shown
from app.errors import Reason, RejectedRecord


class ExactListReader:
    """Read the bytes of one record and say what is wrong with it.

    Args:
        columns: the inputs that candidates bring, or share.
        fields: where they are.
        max_bytes: longer values are refused unread.
        drop: whether a candidate that is at fault is left out, instead of the record.
        outside: inputs that belong to the record alone, and their paths.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        fields: ListFields,
        max_bytes: int,
        *,
        drop: bool,
        outside: Sequence[tuple[Column, FieldPath]] = (),
    ) -> None:
        self._outside = outside
        self._reader = ExactReader((), RecordFields((), fields.id), max_bytes)
        self._inputs = list(zip(columns, fields.inputs, strict=True))
        self._fields = fields
        self._drop = drop

    def entries(self, value: bytes | None) -> tuple[Entries, int]:
        """Return what *value* brings, and how many candidates were left out.

        Raises:
            RejectedRecord: why it brings nothing.
        """
        fields = self._fields
        document = self._reader.document(value)
        record_id = id_in(document, fields.id)
        listed = _list(document, fields.candidates)
        shared = tuple(self._shared(document, column, path) for column, path in self._inputs)
        outside = tuple(cell_in(document, column, path) for column, path in self._outside)
        ids: list[str | int] = []
        own: list[Cells] = []
        faults: list[RejectedRecord] = []
        for place, candidate in enumerate(listed):
            try:
                mine = self._candidate(candidate, place, shared)
            except RejectedRecord as rejection:
                faults.append(rejection)
                if not self._drop:
                    break
                continue
            ids.append(mine[0])
            own.append(mine[1:])
        if faults and not (self._drop and ids):
            raise faults[0]
        self._refuse_twins(ids)
        usable = tuple(UNSET if isinstance(cell, RejectedRecord) else cell for cell in shared)
        return Entries(record_id, ids, own, usable, outside), len(faults)

    def _shared(self, document: dict[str, Any], column: Column, path: FieldPath) -> Any:
        """The cell that the record brings for all; UNSET where it has none; why it is none where it is wrong."""
        if not _brings(document, path):
            return UNSET
        try:
            return cell_in(document, column, path)
        except RejectedRecord as rejection:
            return rejection

    def _candidate(self, candidate: Any, place: int, shared: Cells) -> tuple[Any, ...]:
        if not isinstance(candidate, dict):
            raise self._fault(place, Reason.WRONG_TYPE, f"{shown(candidate)}; expected an object")
        try:
            found = id_in(candidate, self._fields.candidate_id)
            cells = [
                UNSET if others is not UNSET and not _brings(candidate, path) else cell_in(candidate, column, path)
                for (column, path), others in zip(self._inputs, shared, strict=True)
            ]
        except RejectedRecord as rejection:
            raise self._fault(place, rejection.reason, rejection.message) from None
        for cell, others in zip(cells, shared, strict=True):
            if cell is UNSET and isinstance(others, RejectedRecord):
                raise others
        return (str(place) if found is None else found, *cells)

    def _fault(self, place: int, reason: Reason, message: str) -> RejectedRecord:
        return refusal(reason, f"{self._fields.candidates.text}[{place}]: {message}")

    def _refuse_twins(self, ids: Sequence[str | int]) -> None:
        seen: set[str | int] = set()
        for each in ids:
            if each in seen:
                what = f"{self._fields.candidates.text}: two candidates have the id {shown(each)}"
                raise refusal(Reason.DUPLICATE_CANDIDATE, what)
            seen.add(each)


def _list(document: dict[str, Any], path: FieldPath) -> list[Any]:
    try:
        listed = find(document, path)
    except Mismatch as mismatch:
        raise refusal(mismatch.reason, f"{path.text}: {mismatch.detail}") from None
    if listed is MISSING:
        raise refusal(Reason.MISSING_FIELD, f"{path.text}: missing; it lists the candidates")
    if not isinstance(listed, list):
        raise refusal(Reason.WRONG_TYPE, f"{path.text}: {shown(listed)}; expected a list of objects")
    return listed


def _brings(document: dict[str, Any], path: FieldPath) -> bool:
    """Tell whether something is there, right or wrong."""
    try:
        return find(document, path) is not MISSING
    except Mismatch:
        return True

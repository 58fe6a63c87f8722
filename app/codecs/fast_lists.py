"""The fast way through a record with candidates: see `app.codecs.fast`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET

from app.codecs.columns import Column, Row
from app.codecs.fast import check_id, doubt
from app.codecs.fields import FieldPath
from app.codecs.list_fields import ListFields
from app.codecs.types import PLAIN_ID, Names, attribute_of, cell_type, checks_of, or_unset, struct_of

LIST_DOUBTS = (msgspec.DecodeError, ValueError, RecursionError, AttributeError)
"""What the fast way raises about a record that the exact way must judge; an object on the way to a field may lack."""

Cells = tuple[Any, ...]
"""One cell per input; `UNSET` where there is none."""


@dataclass(frozen=True, slots=True)
class Entries:
    """What one record brings.

    Attributes:
        id: the record's; None when it has none.
        ids: the candidates'.
        own: the cells that each candidate brings itself; `UNSET` for inputs that it shares with the others.
        shared: the cells of the record.
        outside: the cells of inputs that belong to the record alone.
    """

    id: str | int | None
    ids: Sequence[str | int]
    own: Sequence[Cells]
    shared: Cells
    outside: Cells = ()


class FastListReader:
    """Bytes of a record to its entries; raises nothing but `LIST_DOUBTS`.

    Args:
        columns: the inputs that candidates bring, or share.
        fields: where they are.
        outside: inputs that belong to the record alone, and their paths.
    """

    def __init__(
        self, columns: Sequence[Column], fields: ListFields, outside: Sequence[tuple[Column, FieldPath]] = ()
    ) -> None:
        self.parse: Callable[[bytes], Any] = doubt
        self._checks = [(place - 1, check) for place, check in checks_of(columns)]
        self._optional = [column.optional for column in columns]
        alone = {path.names: cell_type(column) for column, path in outside}
        if any(column.shape is None for column in (*columns, *(column for column, _ in outside))):
            return
        inputs = {path.names: or_unset(cell_type(column)) for column, path in zip(columns, fields.inputs, strict=True)}
        if len(inputs | alone) < len(columns) + len(outside):
            return  # several inputs read one field
        mine: dict[Names, Any] = {fields.candidate_id.names: PLAIN_ID} | inputs
        try:
            candidate: Any = struct_of(mine, lenient=True)
            ours: dict[Names, Any] = (
                {fields.id.names: PLAIN_ID, fields.candidates.names: list[candidate]} | inputs | alone
            )
            self.parse = msgspec.json.Decoder(struct_of(ours, lenient=True)).decode
        except ValueError:
            return  # no field of a struct has quotes, backslashes or control characters in its name
        paths = [path.names for path in fields.inputs]
        self._id = attrgetter(attribute_of(ours, fields.id.names))
        self._list = attrgetter(attribute_of(ours, fields.candidates.names))
        self._candidate_id = attrgetter(attribute_of(mine, fields.candidate_id.names))
        self._shared = _all_of([attribute_of(ours, names) for names in paths])
        self._outside = _all_of([attribute_of(ours, names) for names in alone])
        self._own = _all_of([attribute_of(mine, names) for names in paths])
        kinds = mine[fields.candidate_id.names], ours[fields.id.names]
        self._ids_unchecked = any(kind is not PLAIN_ID for kind in kinds)  # an input that reads the same field wins

    def entries(self, value: bytes) -> Entries:
        """Return what *value* brings."""
        record = self.parse(value)
        candidates = self._list(record)
        ids = [
            str(place) if (found := self._candidate_id(candidate)) is None else found
            for place, candidate in enumerate(candidates)
        ]
        record_id = self._id(record)
        if self._ids_unchecked:
            for each in (record_id, *ids):
                check_id(UNSET if each is None else each)
        if len(set(ids)) < len(ids):
            raise ValueError("perhaps a candidate twice")
        own, shared, outside = [*map(self._own, candidates)], self._shared(record), self._outside(record)
        entries = Entries(record_id, ids, own, shared, outside)
        self._check(entries)
        return entries

    def _check(self, entries: Entries) -> None:
        for place, optional in enumerate(self._optional):
            if entries.shared[place] is UNSET and not optional:
                for cells in entries.own:
                    if cells[place] is UNSET:
                        raise ValueError("perhaps an input is missing")
        for place, check in self._checks:
            for cells in (entries.shared, *entries.own):
                if cells[place] is not UNSET:
                    check(cells[place])


def _all_of(attributes: Sequence[str]) -> Callable[[Any], Cells]:
    if not attributes:
        return lambda _: ()
    if len(attributes) == 1:
        only = attrgetter(attributes[0])
        return lambda struct: (only(struct),)
    return attrgetter(*attributes)


def merged(entries: Entries) -> list[Row]:
    """Return one row per candidate: its id, then its own cell of each input, else the record's; None where none is."""
    shared = entries.shared
    if all(cell is UNSET for cell in shared) and not any(UNSET in cells for cells in entries.own):
        return [(each, *cells) for each, cells in zip(entries.ids, entries.own, strict=True)]
    fallback = [None if cell is UNSET else cell for cell in shared]
    return [
        (each, *(other if cell is UNSET else cell for cell, other in zip(cells, fallback, strict=True)))
        for each, cells in zip(entries.ids, entries.own, strict=True)
    ]

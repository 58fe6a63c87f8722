"""The wire format `json`: one object per record, a field for every input of the signature."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

from app.codecs.columns import Column, Extent, Row, stack_alike
from app.codecs.exact import ExactReader
from app.codecs.fast import DOUBTS, FastReader
from app.codecs.fields import RecordFields
from app.errors import RejectedRecord, StartFailed
from models.signature import Signature


class InputRecord(Protocol):
    """What decoding needs of a record; aiokafka's records have it."""

    @property
    def offset(self) -> int:
        """Its place where it came from."""

    @property
    def key(self) -> bytes | None:
        """The record's key."""

    @property
    def value(self) -> bytes | None:
        """The record's value; None in a tombstone."""


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows of one chunk whose inputs agree in shape, so that they may share a model call.

    Attributes:
        positions: the place of each row in the decoded records, ascending.
        ids: the id of each row, as the record has it.
        columns: by input, one array `[n, *shape]` of the signature's dtype; strings are `object` arrays of `bytes`.
        shape_key: groups with equal keys may be merged.
        nbytes: what the columns hold.
    """

    positions: Sequence[int]
    ids: list[str | int]
    columns: dict[str, npt.NDArray[Any]]
    shape_key: Hashable
    nbytes: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of a chunk: every place is in one group or among the rejected.

    Attributes:
        groups: one group in the usual case; several where the signature leaves shapes open and the records use it.
        rejected: places of the records that bring no row, ascending, and why.
    """

    groups: tuple[RowGroup, ...]
    rejected: tuple[tuple[int, RejectedRecord], ...]


class JsonDecoder:
    """Turn the bytes of records into rows for a model.

    A record takes the fast way if it is plainly right; the exact way judges all others, record by record.

    Decimals become float32 (float16, bfloat16) by way of a double. A record without an id, or whose id is null, is
    called by its key if that is UTF-8, else `topic-partition-offset`. A value of nothing but white space is no JSON.

    Args:
        signature: what a row must bring.
        fields: dotted paths of the inputs that are not found under their own name.
        id_field: dotted path of the record's id.
        max_bytes: longer values are refused unread.

    Raises:
        StartFailed: *fields* or *id_field* is wrong, or JSON cannot carry a dtype; one line per mistake.
    """

    def __init__(self, signature: Signature, *, fields: Mapping[str, str], id_field: str, max_bytes: int) -> None:
        paths = RecordFields.of(signature, fields=fields, id_field=id_field)
        self._columns = columns_of(signature)
        self._fast = FastReader.of(self._columns, paths)
        self._exact = ExactReader(self._columns, paths, max_bytes)
        self._max_bytes = max_bytes
        self._grouping = Grouping(self._columns)

    def decode(self, records: Sequence[InputRecord], origin: str) -> Decoded:
        """Return the rows of *records*, and why the others bring none; *origin* is their `topic-partition`."""
        parse, read, limit = self._fast.parse, self._fast.row, self._max_bytes
        rows: list[Row] = []
        rejected: dict[int, RejectedRecord] = {}
        for place, record in enumerate(records):
            value = record.value
            try:
                # Most values are ASCII, and the quick test tells; for others, decoding raises what is no UTF-8.
                if not value or len(value) > limit or not (value.isascii() or value.decode()):
                    raise ValueError("not for the fast way")
                row = read(parse(value))
            except DOUBTS:
                try:
                    row = self._exact.row(value)
                except RejectedRecord as rejection:
                    # A new one, because the traceback of this one keeps the parsed record alive.
                    rejected[place] = RejectedRecord(rejection.reason, rejection.message)
                    continue
            rows.append(row if row[0] is not None else (fallback_id(record, origin), *row[1:]))
        places = range(len(records))
        positions = [place for place in places if place not in rejected] if rejected else places
        return Decoded(tuple(self._grouping.groups(rows, positions)), tuple(rejected.items()))


class Grouping:
    """Puts rows together that agree in the shapes of their inputs.

    Args:
        columns: the inputs.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        numbers: dict[str, dict[int, Column]] = defaultdict(dict)
        for place, column in enumerate(columns):
            if column.is_a_number:
                numbers[column.element.name][place] = column
        self._alike = list(numbers.values())
        self._alone = [(place, column) for place, column in enumerate(columns) if not column.is_a_number]
        self._open = [(place, column.extent) for place, column in enumerate(columns, start=1) if column.is_open]

    def groups(self, rows: Sequence[Row], positions: Sequence[int]) -> Iterator[RowGroup]:
        """Yield groups of *rows*, which stand at *positions*."""
        if not rows:
            return
        if not self._open:
            yield self._group(rows, positions, ())
            return
        alike: dict[tuple[Extent, ...], tuple[list[Row], list[int]]] = {}
        for row, position in zip(rows, positions, strict=True):
            shapes = tuple([extent(row[place]) for place, extent in self._open])
            members, places = alike.setdefault(shapes, ([], []))
            members.append(row)
            places.append(position)
        for shapes, (members, places) in alike.items():
            yield self._group(members, places, shapes)

    def _group(self, rows: Sequence[Row], positions: Sequence[int], shape_key: Hashable) -> RowGroup:
        ids, *cells = zip(*rows, strict=True)
        columns: dict[str, npt.NDArray[Any]] = {}
        nbytes = 0
        for alike in self._alike:
            array = stack_alike([*alike.values()], [cells[place] for place in alike])
            columns.update(zip([column.name for column in alike.values()], array, strict=True))
            nbytes += array.nbytes
        for place, column in self._alone:
            columns[column.name], size = column.stack(cells[place])
            nbytes += size
        return RowGroup(positions, list(ids), columns, shape_key, nbytes)


def columns_of(signature: Signature) -> tuple[Column, ...]:
    """Return the inputs of *signature* as columns.

    Raises:
        StartFailed: JSON cannot carry a dtype; one line per mistake.
    """
    columns = []
    mistakes = []
    for spec in signature.inputs:
        try:
            columns.append(Column.of(spec))
        except ValueError as error:
            mistakes.append(f"the input {spec.name!r} of the signature {signature.name!r}: {error}")
    if mistakes:
        raise StartFailed("\n".join(mistakes))
    return tuple(columns)


def fallback_id(record: InputRecord, origin: str) -> str:
    """Return what a record without an id is called: its key if that is text, else where it came from."""
    try:
        if record.key is not None:
            return record.key.decode()
    except UnicodeDecodeError:
        pass  # a key of other bytes is no text to show
    return f"{origin}-{record.offset}"

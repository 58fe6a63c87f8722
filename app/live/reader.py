"""What the page shows of a published record, read from its bytes."""

from collections.abc import Sequence
from math import exp
from typing import Any

import msgspec

from app.codecs.fields import FieldPath
from app.live.cell import cell, key, number, text
from app.live.message import Cell, Entry


class _Entry(msgspec.Struct):
    label: Any = None
    score: Any = None
    change: int | None = None


class _Value(msgspec.Struct):
    id: Any = None
    group: Any = None
    model_version: str = ""
    predictions: list[_Entry] = msgspec.field(default_factory=list)


class Read(msgspec.Struct, frozen=True):
    """A ranking with all its entries.

    Attributes:
        id: its record's.
        group: the key of the one whose ranking it is; None where it is that of its record alone.
        version: of the model.
        entries: best first.
    """

    id: str
    group: str | None
    version: str
    entries: tuple[Entry, ...]


class Reader:
    """Reads rankings, and fields of the records that they answer.

    Args:
        fields: what to show of a record.
        member: where a record names its member of the group.
        order: where it says how far the group is.
        softmax: whether scores become their softmax over all entries of a ranking.
    """

    def __init__(
        self, fields: Sequence[str], *, member: str | None = None, order: str | None = None, softmax: bool = False
    ) -> None:
        self._fields = [FieldPath.dotted(field) for field in fields]
        self._member = None if member is None else FieldPath.dotted(member)
        self._order = None if order is None else FieldPath.dotted(order)
        self._softmax = softmax
        self._values = msgspec.json.Decoder(_Value)

    def ranking(self, value: bytes) -> Read | None:
        """Return the ranking in the value of an output record; None where it is none."""
        try:
            said = self._values.decode(value)
            scores = [number(entry.score) for entry in said.predictions]
            entries = zip(said.predictions, _softmax(scores) if self._softmax else scores, strict=True)
            return Read(
                text(said.id),
                None if said.group is None else key(said.group),
                said.model_version[:60],
                tuple(Entry(key(entry.label), score, entry.change) for entry, score in entries),
            )
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None

    def record(self, value: bytes | None) -> tuple[str | None, Cell, tuple[Cell, ...]]:
        """Return the member that a record is about, how far its group is, and the fields to show; None where unsaid."""
        try:
            said = msgspec.json.decode(value or b"null")
            member, order = _at(said, self._member), _at(said, self._order)
            fields = tuple(cell(_at(said, field)) for field in self._fields)
            return None if member is None else key(member), cell(order), fields
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None, None, (None,) * len(self._fields)


def _at(value: Any, path: FieldPath | None) -> Any:
    for name in path.names if path is not None else ():
        value = value.get(name) if isinstance(value, dict) else None
    return value if path is not None else None


def _softmax(scores: Sequence[float | int | None]) -> list[float | int | None]:
    """Return the chance of each to be the first, if scores are logarithms of strengths (Plackett and Luce)."""
    known = [score for score in scores if score is not None]
    best = max(known, default=0)
    whole = sum(exp(score - best) for score in known)
    return [None if score is None else exp(score - best) / whole for score in scores]

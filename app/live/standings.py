"""The newest ranking of each group, with what is known of its members."""

import msgspec

from app.live.message import Cell, Entry, Standing
from app.live.reader import Read

GROUPS = 32
MEMBERS = 64
ENTRIES = 20
CELLS = 4000
"""In all entries of all groups: it bounds an event, whatever the groups are like."""

_Fields = dict[str, tuple[Cell, ...]]


class Standings:
    """Keeps the newest ranking of 32 groups; the one that was heard of least lately gives way."""

    def __init__(self) -> None:
        self._groups: dict[str, tuple[Standing, _Fields]] = {}

    def clear(self) -> None:
        """Forget all."""
        self._groups.clear()

    def note(self, read: Read, at: float, order: Cell, member: str | None, fields: tuple[Cell, ...]) -> None:
        """Take in a group's ranking, and the *fields* of the record that *member* brought it about with."""
        assert read.group is not None  # noqa: S101 - others are not standings
        before, known = self._groups.pop(read.group, (None, {}))
        if member is not None:
            known.pop(member, None)
            known[member] = fields
        if len(known) > MEMBERS:
            del known[next(iter(known))]
        if order is None and before is not None:
            order = before.order
        standing = Standing(read.group, at, order, len(read.entries), read.version, read.entries[:ENTRIES])
        self._groups[read.group] = standing, known
        if len(self._groups) > GROUPS:
            del self._groups[next(iter(self._groups))]

    @property
    def all(self) -> list[Standing]:
        """All of them by name; of those that were heard of least lately without entries, where these are too many."""
        shown, left = [], CELLS
        for standing, known in reversed(self._groups.values()):
            entries = tuple(_with_fields(entry, known) for entry in standing.entries)
            left -= sum(3 + len(entry.fields) for entry in entries)
            shown.append(msgspec.structs.replace(standing, entries=entries if left >= 0 else ()))
        return sorted(shown, key=lambda standing: standing.group)


def _with_fields(entry: Entry, known: _Fields) -> Entry:
    fields = known.get(entry.label)
    return entry if fields is None else msgspec.structs.replace(entry, fields=fields)

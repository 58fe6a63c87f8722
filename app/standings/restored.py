"""What the state's topic keeps of one partition, put together again."""

from app.standings.entry import read_key, read_value
from app.standings.group import Group
from app.standings.member import Member
from app.standings.table import Rules, Table


class Restored:
    """Reads what the topic keeps of one partition, and makes a table of it.

    Args:
        rules: for the table.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._members: dict[bytes, dict[bytes, Member]] = {}
        self._touched: dict[bytes, float] = {}

    def take(self, key: bytes | None, value: bytes | None, timestamp_ms: int) -> None:
        """Take one record of the topic.

        Raises:
            ValueError: it is none of ours.
        """
        group, label = read_key(key)
        members = self._members.setdefault(group, {})
        if value is None:
            members.pop(label, None)
            return
        member = read_value(label, value)
        # A worker that lost the partition may have written late.
        if (known := members.get(label)) is None or known.offset <= member.offset:
            members[label] = member
            self._touched[group] = max(self._touched.get(group, 0.0), timestamp_ms / 1000)

    @property
    def newest(self) -> int:
        """The highest offset of the input that any member's score came from; -1 when there are none."""
        offsets = (member.offset for members in self._members.values() for member in members.values())
        return max(offsets, default=-1)

    def void(self) -> Table:
        """Return a table with nothing of all that in it."""
        kept = [(group, label) for group, members in self._members.items() for label in members]
        return Table(self._rules, void=kept)

    def table(self) -> Table:
        """Return the table; the groups that were touched longest ago are first, as in one that was never lost."""
        there = [name for name, members in self._members.items() if members]
        there.sort(key=self._touched.__getitem__)
        groups = {name: Group(self._members.pop(name).values(), self._touched[name]) for name in there}
        return Table(self._rules, groups)

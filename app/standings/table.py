"""The groups of one input partition, and what records make of them in the order in which they are published."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from app.errors import ReadAgain, Reason, RejectedRecord, Stage
from app.lane import Work
from app.outcome import SUPERSEDED, GroupOver, MemberScore
from app.records import Outgoing
from app.standings.entry import erased, written
from app.standings.group import Group
from app.standings.member import Member

# Groups that time out leave the topic so many members at a time, so that no transaction grows too long.
_ERASED_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Rules:
    """How standings are kept and shown.

    Attributes:
        every_record: whether each record publishes its group's ranking, or the last one of those that are published
            together.
        ttl_seconds: groups leave when so long no record of theirs came.
        top_k: entries of a ranking; 0 keeps all.
        min_score: entries below it are left out; None keeps all.
    """

    every_record: bool
    ttl_seconds: float
    top_k: int
    min_score: float | None


@dataclass(slots=True)
class _Due:
    """The record that publishes its group's ranking unless another one of the group does."""

    work: Work
    place: int
    head: bytes


class Table:
    """The standings of one partition; whatever fails, a new one is made of what the topic keeps.

    Args:
        rules: how they are kept.
        groups: those that are there already, by their names as JSON; the one that was touched last is the last.
        void: members that the topic keeps and that are not there.
        clock: seconds since the epoch.

    Attributes:
        members: how many there are, in all groups.
    """

    def __init__(
        self,
        rules: Rules,
        groups: Mapping[bytes, Group] | None = None,
        *,
        void: Iterable[tuple[bytes, bytes]] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._groups = dict(groups or {})
        self._void = list(void)
        self._changed: dict[tuple[bytes, bytes], Member | None] = {}
        # What timed out and is not erased yet, by group.
        self._timed_out: dict[bytes, list[bytes]] = {}
        self._due: dict[bytes, _Due] = {}
        self.members = sum(len(group.members) for group in self._groups.values())

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return len(self._groups)

    def settle(self, ready: Sequence[Work]) -> list[Outgoing]:
        """Make rankings of the scores in *ready*, in place, and return the records that keep the state after them.

        Raises:
            ReadAgain: a record is refused that others were left out for.
        """
        self.sweep()
        for work in ready:
            for place, outcome in enumerate(work.outcomes.result()):
                if isinstance(outcome, MemberScore):
                    self._score(work, place, outcome)
                elif isinstance(outcome, GroupOver):
                    self._end(outcome.names)
                elif isinstance(outcome, RejectedRecord):
                    _check(work, place, outcome)
        for group in list(self._due):
            self._publish(group)
        return self._kept()

    def sweep(self) -> None:
        """Let groups go that no record came of for too long."""
        before = self._clock() - self._rules.ttl_seconds
        for name, group in list(islice(self._groups.items(), 100)):
            if group.touched >= before:
                break
            self._time_out(name)

    def _time_out(self, name: bytes) -> None:
        self._timed_out.setdefault(name, []).extend(self._forget(name))

    def _score(self, work: Work, place: int, score: MemberScore) -> None:
        offset = work.chunk[place].offset
        group = self._touch(score.group)
        member = group.members.get(score.member)
        if member is None or member.offset < offset:
            if member is not None and _is_earlier(score, member):
                work.outcomes.result()[place] = _out_of_order(score, member)
                return
            self.members += member is None
            # So far only its own records, which it has overtaken while they waited.
            first = min((offset, *work.overtaken.get(offset, ())))
            self._changed[score.group, score.member] = group.put(score, offset, first)
        if (due := self._due.get(score.group)) is not None:
            _overtake(due, work, offset)
        self._due[score.group] = _Due(work, place, score.head)
        if self._rules.every_record:
            self._publish(score.group)

    def _touch(self, name: bytes) -> Group:
        """The group of that name, which is the last from now on; a new one where it timed out."""
        now = self._clock()
        if name in self._groups and self._groups[name].touched < now - self._rules.ttl_seconds:
            self._time_out(name)
        if (group := self._groups.pop(name, None)) is None:
            # Erased before anything of the new one is kept: whoever restores that must not find the old members.
            self._void += [(name, member) for member in self._timed_out.pop(name, ())]
            group = Group()
        self._groups[name] = group
        group.touched = now
        return group

    def _publish(self, name: bytes) -> None:
        due = self._due.pop(name)
        entries = self._groups[name].ranking(top_k=self._rules.top_k, min_score=self._rules.min_score)
        due.work.outcomes.result()[due.place] = due.head + entries + b"]}"

    def _end(self, names: Iterable[bytes]) -> None:
        for name in names:
            if name in self._groups:
                if name in self._due:
                    self._publish(name)
                self._changed |= dict.fromkeys((name, member) for member in self._forget(name))

    def _forget(self, name: bytes) -> Iterable[bytes]:
        members = self._groups.pop(name).members
        self.members -= len(members)
        return members

    def _kept(self) -> list[Outgoing]:
        # Before the others: the same member may come anew.
        records = [erased(*gone) for gone in self._void]
        self._void.clear()
        records += [
            erased(group, label) if member is None else written(group, member)
            for (group, label), member in self._changed.items()
        ]
        self._changed.clear()
        room = _ERASED_AT_ONCE
        while self._timed_out and room > 0:
            name, members = self._timed_out.popitem()
            records += [erased(name, member) for member in members[:room]]
            if rest := members[room:]:
                self._timed_out[name] = rest
            room -= len(members)
        return records


def _check(work: Work, place: int, rejection: RejectedRecord) -> None:
    """Nobody may be left out for a record that brings no score, unless it is late, as those were too."""
    offset = work.chunk[place].offset
    if offset in work.overtaken and rejection.stage != Stage.EXPIRED:
        raise ReadAgain(work.chunk.end, f"offset {offset} is refused: {rejection.message}")


def _overtake(due: _Due, work: Work, offset: int) -> None:
    overtaken = due.work.chunk[due.place].offset
    due.work.outcomes.result()[due.place] = SUPERSEDED
    work.overtaken.setdefault(offset, []).extend([*due.work.overtaken.pop(overtaken, ()), overtaken])


def _is_earlier(score: MemberScore, member: Member) -> bool:
    return score.order is not None and member.order is not None and score.order < member.order


def _out_of_order(score: MemberScore, member: Member) -> RejectedRecord:
    return RejectedRecord(
        Reason.OUT_OF_ORDER,
        f"STANDINGS_ORDER_FIELD is {score.order}; the newest record of {member.label.decode()} has {member.order}",
    )

"""The members of one group, always in order."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from app.outcome import MemberScore
from app.standings.member import Member, key

_ENTRY = b'{"rank":%d,"label":%b,"score":%b,"change":%b}'
_NEWCOMER = b"null"

Move = tuple[int | None, int]
"""From which place to which, counted from 0; None: from nowhere."""


class Group:
    """Members by their scores, and how their places changed since the group was last ranked.

    Attributes:
        members: by their names.
        touched: when a record of the group was last seen, in seconds since the epoch.
    """

    __slots__ = ("_moves", "_ranked", "members", "touched")

    def __init__(self, members: Iterable[Member] = (), touched: float = 0.0) -> None:
        self.members = {member.label: member for member in members}
        self.touched = touched
        self._ranked = sorted(self.members.values(), key=key)
        self._moves: list[Move] = []

    def put(self, score: MemberScore, offset: int, first: int | None = None) -> Member:
        """Take a newer score of a member, or a new member, and return it; *first* is where it appeared, if before."""
        member = self.members.get(score.member)
        before = None
        if member is None:
            appeared = offset if first is None else first
            member = Member(score.member, score.text, score.number, appeared, offset, score.order)
            self.members[score.member] = member
        else:
            before = bisect_left(self._ranked, key(member), key=key)
            del self._ranked[before]
            member.text, member.number = score.text, score.number
            member.offset, member.order = offset, score.order
        after = bisect_left(self._ranked, key(member), key=key)
        self._ranked.insert(after, member)
        if before != after:
            self._moves.append((before, after))
        return member

    def _changes(self, count: int) -> list[bytes]:
        """How many places the first *count* have won since the last time, as JSON."""
        moves, self._moves = self._moves, []
        if not moves:
            return [b"0"] * count
        if len(moves) == 1:
            return [_change(place, moves[0]) for place in range(count)]
        then = _undone(self._ranked, moves)
        return [_told(now, then.get(member.label)) for now, member in enumerate(self._ranked[:count])]

    def ranking(self, *, top_k: int, min_score: float | None) -> bytes:
        """Return the entries as JSON, best first; the places that they have won are counted from the last call.

        Args:
            top_k: entries to keep; 0 keeps all.
            min_score: entries below it, and those without a number, are left out; None keeps all.
        """
        shown: Sequence[Member] = self._ranked[:top_k] if top_k else self._ranked
        if min_score is not None:
            # Behind whatever has exactly that score, and before those without a number.
            shown = shown[: bisect_left(shown, (False, -min_score, 2**63), key=key)]
        changes = self._changes(len(shown))
        ranks = range(1, len(shown) + 1)
        return b",".join(
            [
                _ENTRY % (rank, member.label, member.text, change)
                for rank, member, change in zip(ranks, shown, changes, strict=True)
            ]
        )


def _undone(ranked: Sequence[Member], moves: Sequence[Move]) -> dict[bytes, int]:
    """The places that members had before they moved."""
    then = list(ranked)
    for before, after in reversed(moves):
        member = then.pop(after)
        if before is not None:
            then.insert(before, member)
    return {member.label: place for place, member in enumerate(then)}


def _told(now: int, then: int | None) -> bytes:
    return _NEWCOMER if then is None else b"%d" % (then - now)


def _change(place: int, move: Move) -> bytes:
    """How many places who is at *place* now has won by one move, as JSON."""
    before, after = move
    if place == after:
        return _told(place, before)
    if before is None:
        return b"-1" if place > after else b"0"
    if before <= place < after:  # those between moved up
        return b"1"
    return b"-1" if after < place <= before else b"0"

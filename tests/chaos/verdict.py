"""What became of the records of a run: lost, duplicated, out of order, and who is to blame."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

# The broker stamps copies in milliseconds.
_TICK_SECONDS = 0.001
# How long a worker that is back may still publish what it had in its hands: its longest request and a pause.
ZOMBIE_SECONDS = 15.0


class Source(NamedTuple):
    """A record of the input topic."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Copy:
    """A record of the output or the dead-letter topic.

    Attributes:
        source: the record that it answers.
        topic: where it lies, with *partition* and *offset*.
        at: when the broker took it, seconds since the epoch.
        writer: the worker that wrote it.
    """

    source: Source
    topic: str
    partition: int
    offset: int
    at: float
    writer: str


@dataclass(frozen=True, slots=True)
class Crash:
    """A moment after which records that a worker had in its hands may be published again.

    Attributes:
        worker: who crashed, or was away for longer than the group waits.
        at: when that began, seconds since the epoch.
        until: when it was back; where it never is, the same.
        frozen: whether it was stopped and went on later.
        committed: how far the group had committed each partition by then, at least; nothing below may come again.
    """

    worker: str
    at: float
    until: float
    frozen: bool = False
    committed: Mapping[int, int] = field(default_factory=dict, compare=False)

    def explains(self, copy: Copy, last: float) -> bool:
        """Whether, of a record's copies up to the one written at *last*, *copy* may be one too many."""
        ours = copy.writer == self.worker and copy.at <= self.until + ZOMBIE_SECONDS
        open_then = copy.source.offset >= self.committed.get(copy.source.partition, 0)
        return ours and open_then and self.at <= last + _TICK_SECONDS


@dataclass(slots=True)
class Verdict:
    """What is wrong with the outputs.

    Attributes:
        records: how many were in the input.
        lost: those that nobody answered.
        stray: answers to records that do not exist.
        duplicates: answers beyond the first of a record.
        unexplained: those of them that no crash explains.
        by_crash: how many each crash explains.
        out_of_order: records whose first answer lies behind that of a later record of their partition. Of one that
            is answered in two topics (ranked by one worker's model, refused by another's) nobody knows which was first.
        apart: those of them that a worker which had been frozen wrote, or that came after what it wrote.
    """

    records: int
    lost: list[Source] = field(default_factory=list)
    stray: list[Copy] = field(default_factory=list)
    duplicates: int = 0
    unexplained: list[Copy] = field(default_factory=list)
    by_crash: Counter[Crash] = field(default_factory=Counter)
    out_of_order: list[Copy] = field(default_factory=list)
    apart: list[Copy] = field(default_factory=list)

    @property
    def most_after_one_crash(self) -> int:
        """The most duplicates that one crash explains."""
        return max(self.by_crash.values(), default=0)


def judge(inputs: Collection[Source], copies: Iterable[Copy], crashes: Sequence[Crash] = ()) -> Verdict:
    """Compare what was written with what was to be answered.

    A duplicate is explained by the crash of a worker that wrote one of the record's copies: before it, and could not
    commit that, or as a zombie, soon after it was back. The crash must have come before the last of the copies, and the
    record must not have been committed by then. One copy of a crashed worker explains one duplicate.
    """
    known = frozenset(inputs)
    verdict = Verdict(len(known))
    answers: defaultdict[Source, list[Copy]] = defaultdict(list)
    for copy in sorted(copies, key=lambda copy: (copy.topic, copy.partition, copy.offset)):
        if copy.source in known:
            answers[copy.source].append(copy)
        else:
            verdict.stray.append(copy)
    verdict.lost = sorted(known - answers.keys())
    newest_first = sorted(crashes, key=lambda crash: -crash.at)
    for of_one in answers.values():
        _count_duplicates(verdict, of_one, newest_first)
    for late, other in _out_of_order(_firsts(answers.values())):
        if len({copy.topic for copy in answers[late.source]}) > 1:
            continue
        frozen = any(_was_frozen(copy, crashes) for copy in (late, other))
        (verdict.apart if frozen else verdict.out_of_order).append(late)
    return verdict


def _count_duplicates(verdict: Verdict, copies: Sequence[Copy], crashes: Sequence[Crash]) -> None:
    extra = len(copies) - 1
    if not extra:
        return
    verdict.duplicates += extra
    last = max(copies, key=lambda copy: copy.at)
    found = (next((crash for crash in crashes if crash.explains(copy, last.at)), None) for copy in copies)
    guilty = [crash for crash in found if crash][:extra]
    verdict.by_crash.update(guilty)
    verdict.unexplained += [last] * (extra - len(guilty))


def _firsts(answers: Iterable[Sequence[Copy]]) -> Iterator[Copy]:
    """The first copy of each record in each topic."""
    for copies in answers:
        yield from {copy.topic: copy for copy in reversed(copies)}.values()


def _out_of_order(firsts: Iterable[Copy]) -> Iterator[tuple[Copy, Copy]]:
    """Each copy that lies behind the one of a later record, with that one; per topic and partitions."""

    def lane(copy: Copy) -> tuple[str, int, int]:
        return copy.topic, copy.partition, copy.source.partition

    for _, group in groupby(sorted(firsts, key=lambda copy: (*lane(copy), copy.offset)), lane):
        furthest, *others = group
        for copy in others:
            if copy.source.offset < furthest.source.offset:
                yield copy, furthest
            else:
                furthest = copy


def _was_frozen(copy: Copy, crashes: Iterable[Crash]) -> bool:
    return any(crash.frozen and crash.explains(copy, copy.at) for crash in crashes)

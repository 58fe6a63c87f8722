"""What an audit found."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.audit.book import Account
from app.audit.ranges import Ranges


class Guarantee(StrEnum):
    """What is promised of the records: that none is lost, or also that none is answered twice."""

    AT_LEAST_ONCE = "at_least_once"
    EXACTLY_ONCE = "exactly_once"


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the records of an input topic.

    Attributes:
        topic: the input topic.
        guarantee: what it is judged by.
        accounts: by input partition.
        strangers: by output partition, the offsets there of what names no record of the input topic.
        notes: what a reader must know besides, one sentence each.
    """

    topic: str
    guarantee: Guarantee
    accounts: Mapping[int, Account]
    strangers: Mapping[str, Ranges]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the guarantee holds."""
        return not self.violations

    @property
    def violations(self) -> tuple[str, ...]:
        """What breaks the guarantee, one sentence each."""
        return tuple(self._violations())

    def total(self, figure: Callable[[Account], int]) -> int:
        """The sum of a figure over all partitions."""
        return sum(figure(account) for account in self.accounts.values())

    def _violations(self) -> Iterator[str]:
        if missing := self.total(lambda account: account.missing.count):
            yield f"{_count(missing, 'record')} without an answer"
        duplicated = self.total(lambda account: account.duplicated.count)
        if duplicated and self.guarantee == Guarantee.EXACTLY_ONCE:
            yield f"{_count(duplicated, 'record')} answered more than once"
        if late := self.total(lambda account: sum(ranges.count for ranges in account.disordered.values())):
            yield f"{_count(late, 'answer')} out of order"
        if foreign := self.total(lambda account: account.foreign.count):
            yield f"{_count(foreign, 'offset')} named that {self.topic} does not have"
        if strangers := sum(ranges.count for ranges in self.strangers.values()):
            yield f"{_count(strangers, 'output')} naming no record of {self.topic}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"

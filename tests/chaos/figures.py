"""What must hold, and whether it does."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.chaos.deck import Guarantee
from tests.chaos.opinion import Opinion
from tests.chaos.outcome import Outcome
from tests.chaos.scene import IN_FLIGHT_MAX_RECORDS

RSS_MIB_A_MINUTE = 1.0
RECOVERY_SECONDS = 10.0
# Of what comes and goes in this very moment.
_MOMENTARY = 1.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was promised.

    Attributes:
        what: which.
        measured: what was seen.
        limit: the most that is allowed.
        below: whether *measured* must be lower than the limit, not only no higher.
    """

    what: str
    measured: float
    limit: float
    below: bool = False

    @property
    def met(self) -> bool:
        """Whether it holds."""
        return self.measured < self.limit if self.below else self.measured <= self.limit


def figures(outcome: Outcome) -> list[Figure]:
    """Return everything that must hold for this part."""
    return [
        *_records(outcome),
        Figure("workers that ended otherwise than they may", len(outcome.workers.surprises), 0),
        *(
            Figure(f"{each.manner}: all done again after, s", each.recovered, RECOVERY_SECONDS)
            for each in outcome.outages
        ),
        *_growth(outcome),
    ]


def _records(outcome: Outcome) -> Iterator[Figure]:
    verdict = outcome.verdict
    yield Figure("lost", len(verdict.lost), 0)
    if outcome.part in {"faults", "outages"} and outcome.guarantee is Guarantee.AT_LEAST_ONCE:
        yield Figure("duplicated without a crash", len(verdict.unexplained), 0)
        yield Figure("duplicated after one crash, at most", verdict.most_after_one_crash, IN_FLIGHT_MAX_RECORDS)
        yield Figure("out of order, duplicates dropped", len(verdict.out_of_order), 0)
    else:
        yield Figure("duplicated", verdict.duplicates, 0)
        yield Figure("out of order", len(verdict.out_of_order) + len(verdict.apart), 0)
    yield Figure("judged otherwise by streamrank audit", int(Opinion.ours(verdict) != outcome.audited), 0)
    yield Figure("answers to nothing, or in the wrong topic", len(verdict.stray) + len(outcome.misplaced), 0)
    yield Figure("answers with what belongs to another record", len(outcome.mixed_up), 0)


def _growth(outcome: Outcome) -> Iterator[Figure]:
    for name, growth in outcome.growth.items():
        yield Figure(f"{name}: memory, MiB a minute", growth.rss_mib_a_minute, RSS_MIB_A_MINUTE, below=True)
        yield Figure(f"{name}: file descriptors more", growth.descriptors, _MOMENTARY)
        yield Figure(f"{name}: threads more", growth.threads, 0)
        yield Figure(f"{name}: tasks more", growth.tasks, _MOMENTARY)

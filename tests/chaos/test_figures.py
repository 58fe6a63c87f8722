"""Whatever is wrong is missed, and nothing else."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.chaos.crew import Surprise
from tests.chaos.deck import Guarantee
from tests.chaos.figures import figures
from tests.chaos.opinion import Opinion
from tests.chaos.outages import Manner, Outage
from tests.chaos.outcome import Outcome, Workers
from tests.chaos.verdict import Copy, Crash, Source, Verdict
from tests.chaos.vitals import Growth
from tests.chaos.writer import Sort

SOURCE = Source(0, 1)
COPY = Copy(SOURCE, "out", 0, 1, 1.0, "a")


def outcome(
    verdict: Verdict | None = None, *, part: str = "faults", guarantee: str = "exactly_once", **changes
) -> Outcome:
    """All is well but what is told."""
    verdict = verdict or Verdict(10)
    whole = Outcome(
        part=part,
        guarantee=Guarantee(guarantee),
        seconds=1.0,
        sorts=Counter({Sort.GOOD: 10}),
        verdict=verdict,
        copies=[],
        misplaced=[],
        mixed_up=[],
        audited=Opinion.ours(verdict),
        workers=Workers(3, 1, 0, ()),
    )
    return replace(whole, **changes)


def missed(found: Outcome) -> list[str]:
    return [figure.what for figure in figures(found) if not figure.met]


def growth(**changes) -> dict[str, Growth]:
    return {"worker-0.1": replace(Growth(0.0, 0, 0, 0, ()), **changes)}


@pytest.mark.parametrize("guarantee", list(Guarantee))
@pytest.mark.parametrize("part", ["faults", "rolling", "outages", "soak"])
def test_where_all_is_well_nothing_is_missed(part: str, guarantee: str):
    fine = outcome(part=part, guarantee=guarantee, growth=growth(rss_mib_a_minute=0.9, descriptors=1, tasks=1))
    assert missed(fine) == []
    assert len(figures(fine)) >= 6


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (outcome(Verdict(10, lost=[SOURCE])), "lost"),
        (outcome(Verdict(10, lost=[SOURCE]), guarantee="at_least_once"), "lost"),
        (outcome(Verdict(10, duplicates=1)), "duplicated"),
        (outcome(Verdict(10, duplicates=1), part="rolling", guarantee="at_least_once"), "duplicated"),
        (outcome(Verdict(10, out_of_order=[COPY])), "out of order"),
        (outcome(Verdict(10, apart=[COPY])), "out of order"),
        (
            outcome(Verdict(10, duplicates=1, unexplained=[COPY]), guarantee="at_least_once"),
            "duplicated without a crash",
        ),
        (
            outcome(
                Verdict(10, duplicates=2001, by_crash=Counter({Crash("a", 1.0, 1.0): 2001})), guarantee="at_least_once"
            ),
            "duplicated after one crash, at most",
        ),
        (
            outcome(Verdict(10, out_of_order=[COPY]), guarantee="at_least_once"),
            "out of order, duplicates dropped",
        ),
        (outcome(Verdict(10, stray=[COPY])), "answers to nothing, or in the wrong topic"),
        (outcome(misplaced=[COPY]), "answers to nothing, or in the wrong topic"),
        (outcome(mixed_up=[COPY]), "answers with what belongs to another record"),
        (outcome(audited=Opinion(10, 1, 0, 0, 0)), "judged otherwise by streamrank audit"),
        (
            outcome(workers=Workers(3, 1, 0, (Surprise("worker-0.1", "not at all", 1, ""),))),
            "workers that ended otherwise than they may",
        ),
        (outcome(growth=growth(rss_mib_a_minute=1.0)), "worker-0.1: memory, MiB a minute"),
        (outcome(growth=growth(descriptors=2)), "worker-0.1: file descriptors more"),
        (outcome(growth=growth(threads=1)), "worker-0.1: threads more"),
        (outcome(growth=growth(tasks=2)), "worker-0.1: tasks more"),
        (
            outcome(part="outages", outages=[Outage(Manner.CUT, 60.0, 1.0, "", 1.0, 10.1)]),
            "cut: all done again after, s",
        ),
    ],
)
def test_what_is_wrong_is_missed(found: Outcome, what: str):
    assert missed(found) == [what]


def test_with_at_least_once_a_crash_may_double_what_was_in_flight_and_a_freeze_disorder_it():
    verdict = Verdict(10, duplicates=2000, by_crash=Counter({Crash("a", 1.0, 1.0): 2000}), apart=[COPY])
    assert missed(outcome(verdict, guarantee="at_least_once")) == []

from collections import Counter

from benchmarks.contenders import Contender
from benchmarks.plan import QUICK, THROUGHPUT_CONTENDERS, Part, Plan, order
from benchmarks.session import count_steps


def test_in_as_many_rounds_as_contenders_everyone_has_every_place_once() -> None:
    rounds = [order(THROUGHPUT_CONTENDERS, turn) for turn in range(len(THROUGHPUT_CONTENDERS))]
    for place in zip(*rounds, strict=True):
        assert Counter(place) == Counter(THROUGHPUT_CONTENDERS)


def test_only_the_textbook_agent_has_the_short_backlog() -> None:
    plan = Plan(records=1000, textbook_records=100)
    assert {each: plan.backlog(each) for each in THROUGHPUT_CONTENDERS} == {
        **dict.fromkeys(THROUGHPUT_CONTENDERS, 1000),
        Contender.TEXTBOOK: 100,
    }


def test_only_a_full_run_bears_no_suffix() -> None:
    assert Plan().suffix == ""
    assert QUICK.suffix == "-quick"
    assert Plan(parts=(Part.LATENCY, Part.START)).suffix == "-latency-start"


def test_steps_are_counted_for_the_parts_that_run() -> None:
    # One for the broker; five, four and again four contenders a round; two backlogs; one start; versions, pages, two
    # outages. And a round of loads.
    assert count_steps(QUICK) == 1 + 5 + 4 + 4 + 2 + 1 + 1 + 1 + 2 + 1
    assert count_steps(Plan(parts=(Part.LATENCY,), runs=2)) == 1 + 2 * 4


def test_what_goes_without_kafka_starts_none() -> None:
    assert count_steps(Plan(parts=(Part.TARGET,), runs=3)) == 3

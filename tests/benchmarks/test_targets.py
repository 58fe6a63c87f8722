from dataclasses import replace

import pytest

from benchmarks.contenders import Contender
from benchmarks.memory import Memory
from benchmarks.outage import Outage
from benchmarks.page import Window
from benchmarks.results import Results
from benchmarks.steps import TARGET, Steps
from benchmarks.targets import Verdict, verdicts
from tests.benchmarks.figures import latency, startup, throughput


def _results() -> Results:
    """Figures that keep to every limit exactly."""
    return Results(
        throughput={
            Contender.SERVICE: [throughput(rate=50_000, cpu=15)],
            Contender.EXACTLY_ONCE: [throughput(rate=35_000, cpu=15)],
            Contender.CONFLUENT: [throughput(rate=90_000, cpu=10)],
            Contender.TEXTBOOK: [throughput(rate=5_000, cpu=200)],
            Contender.ECHO: [throughput(rate=200_000, cpu=4)],
        },
        latency={
            Contender.SERVICE: [latency(p99_ms=6)],
            Contender.CONFLUENT: [latency(p99_ms=3)],
            Contender.ECHO: [latency(p99_ms=2)],
        },
        memory=[Memory(20_000, 600), Memory(1_000_000, 664)],
        start=[startup(ready=10)],
    )


def _missed(results: Results) -> list[str]:
    return [each.what for each in verdicts(results) if not each.met]


def test_a_target_that_is_just_kept_is_met() -> None:
    assert len(verdicts(_results())) == 6
    assert _missed(_results()) == []


def test_too_little_throughput_beside_the_textbook_is_a_miss() -> None:
    results = _results()
    results.throughput[Contender.SERVICE] = [throughput(rate=49_999, cpu=15)]
    assert _missed(results) == ["throughput, StreamRank / textbook Faust"]


def test_too_much_cpu_beside_the_confluent_loop_is_a_miss() -> None:
    results = _results()
    results.throughput[Contender.SERVICE] = [throughput(rate=50_000, cpu=15.1)]
    assert _missed(results) == ["CPU per record, StreamRank / confluent-kafka loop"]


def test_exactly_once_at_too_high_a_price_is_a_miss() -> None:
    results = _results()
    results.throughput[Contender.EXACTLY_ONCE] = [throughput(rate=34_999, cpu=15)]
    assert _missed(results) == ["throughput, exactly once / at least once"]


def test_too_long_a_tail_beside_the_echo_is_a_miss() -> None:
    results = _results()
    results.latency[Contender.SERVICE] = [latency(p99_ms=6.1)]
    assert _missed(results) == ["p99 latency, StreamRank / echo loop"]


def test_too_much_memory_and_too_slow_a_start_are_misses() -> None:
    results = _results()
    results.memory[1] = Memory(1_000_000, 665)
    results.start = [startup(ready=10.1)]
    missed = ["peak memory, 1,000,000 less 20,000 waiting records", "start to ready"]
    assert _missed(results) == missed


def test_open_pages_that_cost_the_stream_too_much_are_misses() -> None:
    alone = Window(pages=0, records=200, records_per_second=100, cpu_microseconds_per_record=10)
    results = Results(page=[alone, replace(alone, pages=100, records_per_second=95, cpu_microseconds_per_record=10.5)])
    assert _missed(results) == []
    results.page[1] = replace(alone, pages=100, records_per_second=94, cpu_microseconds_per_record=10.6)
    assert _missed(results) == [
        "throughput, with 100 open pages / with none",
        "CPU per record, with 100 open pages / with none",
    ]


def test_the_median_of_the_rounds_decides() -> None:
    results = _results()
    results.latency = {
        Contender.SERVICE: [latency(9), latency(100), latency(2)],
        Contender.ECHO: [latency(4), latency(1), latency(1)],
    }
    (verdict,) = [each for each in verdicts(results) if "latency" in each.what]
    assert (verdict.measured.lowest, verdict.measured.median, verdict.measured.highest) == (2, 2.25, 100)
    assert verdict.met


def test_parts_that_were_not_measured_have_no_verdict() -> None:
    assert verdicts(Results()) == []


def test_too_long_a_tail_of_races_is_a_miss() -> None:
    def races(p99_ms: float) -> Results:
        return Results(races={Contender.SERVICE: [latency(p99_ms=p99_ms)], Contender.ECHO: [latency(p99_ms=5)]})

    assert _missed(races(10)) == []
    assert _missed(races(10.1)) == ["p99 from event to ranking, races / echo loop"]


def test_rankings_that_are_late_after_an_outage_are_a_miss_and_so_is_conflation_that_spares_no_time() -> None:
    def outages(with_it: float, without: float) -> Results:
        return Results(outages=[Outage(True, 60, 1, with_it, 1, 1), Outage(False, 60, 1, without, 1, 1)])

    assert _missed(outages(2, 2)) == []
    assert _missed(outages(2.1, 5)) == ["rankings current after an outage, from ready"]
    assert _missed(outages(1, 0.9)) == ["the same, without / with conflation"]


@pytest.mark.parametrize("value", [float("nan")])
def test_what_is_not_a_number_is_never_met(value: float) -> None:
    found = verdicts(Results(start=[startup(ready=value)]))
    assert [isinstance(each, Verdict) and each.met for each in found] == [False]


def test_the_target_must_hold_at_the_loads_where_a_fixed_size_keeps_it_and_only_there() -> None:
    saturated = {TARGET: 95.0, 64: 90.0, 512: 100.0}
    kept = {TARGET: 19.0, 64: 18.0, 512: 30.0}
    hopeless = {TARGET: 70.0, 64: 60.0, 512: 90.0}
    assert _missed(Results(target=[Steps(saturated, [1, 2], [kept, hopeless])])) == []
    late = Steps(saturated, [1, 2], [kept | {TARGET: 21.0}, hopeless])
    assert _missed(Results(target=[late])) == ["p99 latency with the target, the highest at these loads"]
    slow = Steps(saturated | {TARGET: 89.0}, [1, 2], [kept, hopeless])
    assert _missed(Results(target=[slow])) == ["throughput, with the target / best fixed size"]
    assert len(_missed(Results(target=[Steps(saturated, [1], [hopeless])]))) == 1


def test_a_load_at_which_no_fixed_size_keeps_it_in_every_round_does_not_count() -> None:
    saturated = {TARGET: 95.0, 64: 100.0}
    sure, unsure = {TARGET: 10.0, 64: 9.0}, {TARGET: 22.0, 64: 19.0}
    rounds = [Steps(saturated, [1, 2], [sure, tail]) for tail in (unsure, unsure, unsure | {64: 21.0})]
    assert _missed(Results(target=rounds)) == []
    assert _missed(Results(target=rounds[:2])) == ["p99 latency with the target, the highest at these loads"]

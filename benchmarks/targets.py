"""What the figures must show, and whether they do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from benchmarks.contenders import Contender
from benchmarks.percentiles import Spread, ratios
from benchmarks.results import Results
from benchmarks.steps import TARGET, TARGET_MS, tails


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target.

    Attributes:
        what: what is compared.
        measured: the ratios of all rounds, or the values.
        limit: what the median is held against.
        at_least: whether the median must be at least *limit*; otherwise at most.
        unit: of all three; `x` for a ratio.
    """

    what: str
    measured: Spread
    limit: float
    at_least: bool
    unit: str

    @property
    def met(self) -> bool:
        """Whether the median keeps to the limit."""
        value = self.measured.median
        return value >= self.limit if self.at_least else value <= self.limit


def verdicts(results: Results) -> list[Verdict]:
    """Return a verdict for every target whose part was measured."""
    parts = (_of_throughput, _of_latency, _of_memory, _of_start, _of_swaps, _of_page, _of_races, _of_outage, _of_target)
    return [verdict for part in parts for verdict in part(results)]


def _of_throughput(results: Results) -> Iterator[Verdict]:
    if not results.throughput:
        return
    rates = _compare(results.throughput, Contender.TEXTBOOK, "records_per_second")
    yield Verdict("throughput, StreamRank / textbook Faust", rates, 10, True, "x")
    costs = _compare(results.throughput, Contender.CONFLUENT, "cpu_microseconds_per_record")
    yield Verdict("CPU per record, StreamRank / confluent-kafka loop", costs, 1.5, False, "x")
    kept = _compare(results.throughput, Contender.SERVICE, "records_per_second", of=Contender.EXACTLY_ONCE)
    yield Verdict("throughput, exactly once / at least once", kept, 0.7, True, "x")


def _of_latency(results: Results) -> Iterator[Verdict]:
    if results.latency:
        tails = _compare(results.latency, Contender.ECHO, "p99_ms")
        yield Verdict("p99 latency, StreamRank / echo loop", tails, 3, False, "x")


def _of_memory(results: Results) -> Iterator[Verdict]:
    if results.memory:
        few, many = results.memory
        growth = Spread.of([many.peak_rss_mib - few.peak_rss_mib])
        what = f"peak memory, {many.waiting_records:,} less {few.waiting_records:,} waiting records"
        yield Verdict(what, growth, 64, False, "MiB")


def _of_start(results: Results) -> Iterator[Verdict]:
    if results.start:
        yield Verdict("start to ready", Spread.of([each.ready for each in results.start]), 10, False, "s")


def _of_swaps(results: Results) -> Iterator[Verdict]:
    if results.swaps:
        runs = results.swaps
        tails = ratios([each.during_p99_ms for each in runs], [each.outside_p99_ms for each in runs])
        yield Verdict("p99 latency, while a version comes in / at other times", tails, 3, False, "x")
        gaps = Spread.of([each.longest_gap_ms for each in runs])
        yield Verdict("longest time without a ranking", gaps, 500, False, "ms")
        growth = ratios([each.final_rss_mib for each in runs], [each.settled_rss_mib for each in runs])
        yield Verdict("memory, after the last versions / after the first five", growth, 1.05, False, "x")


def _of_races(results: Results) -> Iterator[Verdict]:
    if results.races:
        tails = _compare(results.races, Contender.ECHO, "p99_ms")
        yield Verdict("p99 from event to ranking, races / echo loop", tails, 2, False, "x")


def _of_outage(results: Results) -> Iterator[Verdict]:
    with_it = [each.current_s for each in results.outages if each.conflated]
    without = [each.current_s for each in results.outages if not each.conflated]
    if with_it:
        yield Verdict("rankings current after an outage, from ready", Spread.of(with_it), 2, False, "s")
    if with_it and without:
        yield Verdict("the same, without / with conflation", ratios(without, with_it), 1, True, "x")


def _of_page(results: Results) -> Iterator[Verdict]:
    watched = [each for each in results.page if each.pages]
    alone = [each for each in results.page if not each.pages]
    if not watched:
        return
    beside = f"with {watched[0].pages} open pages / with none"
    rates = ratios([each.records_per_second for each in watched], [each.records_per_second for each in alone])
    yield Verdict(f"throughput, {beside}", rates, 0.95, True, "x")
    # Who reads the pages competes for this machine's cores; that is not the service's own cost, and this is.
    name = attrgetter("cpu_microseconds_per_record")
    yield Verdict(f"CPU per record, {beside}", ratios([*map(name, watched)], [*map(name, alone)]), 1.05, False, "x")


def _of_target(results: Results) -> Iterator[Verdict]:
    if not results.target:
        return
    # A size that keeps to it in some rounds only is none that anybody could rely on.
    highest = tails(results.target, max)
    kept = [tail for tail, most in zip(tails(results.target), highest, strict=True) if min(_fixed(most)) <= TARGET_MS]
    yield Verdict(
        "loads at which a fixed size keeps its p99 to the target in every round", Spread.of([len(kept)]), 1, True, ""
    )
    if kept:
        worst = Spread.of([max(tail[TARGET] for tail in kept)])
        yield Verdict("p99 latency with the target, the highest at these loads", worst, TARGET_MS, False, "ms")
    rates = [each.saturated for each in results.target]
    done = ratios([each[TARGET] for each in rates], [max(_fixed(each)) for each in rates])
    yield Verdict("throughput, with the target / best fixed size", done, 0.9, True, "x")


def _fixed(by_size: Mapping[int, float]) -> list[float]:
    return [value for size, value in by_size.items() if size != TARGET]


def _compare(
    figures: Mapping[Contender, Sequence[Any]], other: Contender, name: str, *, of: Contender = Contender.SERVICE
) -> Spread:
    """The figure *name* of one contender over *other*'s, round by round."""
    value = attrgetter(name)
    return ratios([value(each) for each in figures[of]], [value(each) for each in figures[other]])

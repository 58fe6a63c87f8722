"""The report of a run: aligned tables for people, one JSON file for programs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from benchmarks.contenders import Contender
from benchmarks.latency import Latency
from benchmarks.percentiles import Spread
from benchmarks.plan import Plan
from benchmarks.results import Results
from benchmarks.startup import Startup
from benchmarks.steps import TARGET, TARGET_MS, tails
from benchmarks.swaps import Swaps
from benchmarks.targets import Verdict

_Run = TypeVar("_Run")
_Figures = Sequence[tuple[str, Callable[[_Run], float]]]

_GAP = "  "
_LATENCY: _Figures[Latency] = (
    ("p50 ms", lambda run: run.p50_ms),
    ("p99 ms", lambda run: run.p99_ms),
    ("highest ms", lambda run: run.highest_ms),
    ("CPU us/record", lambda run: run.cpu_microseconds_per_record),
    ("generator late p99 ms", lambda run: run.generator_lateness_p99_ms),
)
_START: _Figures[Startup] = (
    ("exec to ready", lambda run: run.ready),
    ("a bare Python", lambda run: run.python),
    ("import tensorflow, no Keras", lambda run: run.import_tensorflow),
    ("import faust", lambda run: run.import_faust),
    ("load the SavedModel", lambda run: run.load_model),
    ("the project's own part", lambda run: run.own),
    ("(import tensorflow as it is)", lambda run: run.import_tensorflow_and_keras),
)

_SWAPS: _Figures[Swaps] = (
    ("from a version's appearance to its first ranking, s", lambda run: run.seconds_to_serve),
    ("p99 ms while one comes in", lambda run: run.during_p99_ms),
    ("p99 ms at other times", lambda run: run.outside_p99_ms),
    ("longest ms without a ranking", lambda run: run.longest_gap_ms),
    ("MiB after the first five", lambda run: run.settled_rss_mib),
    ("MiB at most after that", lambda run: run.final_rss_mib),
)


def text(plan: Plan, results: Results, found: Sequence[Verdict]) -> str:
    """Return all tables; figures are medians with the lowest and the highest in parentheses."""
    parts = [
        _throughput(plan, results),
        _latency(plan, results),
        _memory(results),
        _start(results),
        _swaps(results),
        _page(results),
        _races(plan, results),
        _outages(plan, results),
        _target(plan, results),
    ]
    return "\n\n".join(filter(None, [*parts, _targets(found)]))


def footer(machine: dict[str, Any], path: Path) -> str:
    """Return the lines below the tables: what the figures were measured on, and where the raw ones are."""
    before, after = machine["load_average_before"][0], machine["load_average_after"][0]
    where = f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']:g} GiB, Python {machine['python']}"
    return f"{where}; load average {before:g} before, {after:g} after\nraw figures: {path}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an aligned table: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for first, *others in [head, *rows]:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        lines.append(_GAP.join(cells).rstrip())
    return "\n".join(lines)


def spread(values: Sequence[float], digits: int) -> str:
    """Return the median of *values*, and how far they lie apart when there are several."""
    return _spread(Spread.of(values), digits, several=len(values) > 1)


def write_json(
    path: Path,
    *,
    began: datetime,
    machine: dict[str, Any],
    plan: Plan,
    results: Results,
    found: Sequence[Verdict],
) -> None:
    """Write every raw figure, the ratios and what they were measured on."""
    everything = {
        "began": began.isoformat(timespec="seconds"),
        "machine": machine,
        "plan": asdict(plan),
        "targets": [{**asdict(each), "met": each.met} for each in found],
        "results": asdict(results),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(everything, indent=1) + "\n")


def _throughput(plan: Plan, results: Results) -> str:
    if not results.throughput:
        return ""
    rows = [
        [
            contender.full_name,
            f"{plan.backlog(contender):,}",
            spread([each.records_per_second for each in runs], 0),
            spread([each.cpu_microseconds_per_record for each in runs], 1),
            spread([each.peak_rss_mib for each in runs], 0),
        ]
        for contender, runs in results.throughput.items()
    ]
    return table(["throughput", "backlog", "records/s", "CPU us/record", "peak MiB"], rows)


def _latency(plan: Plan, results: Results) -> str:
    if not results.latency:
        return ""
    rows = [[contender.full_name, *_spreads(_LATENCY, runs, 1)] for contender, runs in results.latency.items()]
    head = f"latency at {plan.pace.rate:,} records/s"
    return table([head, *(name for name, _ in _LATENCY)], rows)


def _memory(results: Results) -> str:
    rows = [[f"{each.waiting_records:,} waiting records", f"{each.peak_rss_mib:,.0f}"] for each in results.memory]
    return table([f"memory of {Contender.SERVICE.full_name}", "peak MiB"], rows) if rows else ""


def _start(results: Results) -> str:
    if not results.start:
        return ""
    names = [name for name, _ in _START]
    rows = list(zip(names, _spreads(_START, results.start, 2), strict=True))
    return table([f"start of {Contender.SERVICE.full_name}", "seconds"], rows)


def _swaps(results: Results) -> str:
    if not results.swaps:
        return ""
    runs, first = results.swaps, results.swaps[0]
    rows = [[name, spread([figure(run) for run in runs], 1)] for name, figure in _SWAPS]
    return table([f"{first.versions} versions come in, {first.records:,} records", ""], rows)


def _races(plan: Plan, results: Results) -> str:
    if not results.races:
        return ""
    rows = [[contender.full_name, *_spreads(_LATENCY, runs, 1)] for contender, runs in results.races.items()]
    head = f"races, from event to ranking, {plan.pace.rate:,} records/s"
    return table([head, *(name for name, _ in _LATENCY)], rows)


def _outages(plan: Plan, results: Results) -> str:
    rows = [
        [
            "only what is newest is scored" if each.conflated else "everything is scored",
            f"{each.waiting:,}",
            f"{each.published:,}",
            f"{each.current_s:.2f}",
            f"{each.read_s:.2f}",
        ]
        for each in results.outages
    ]
    head = [f"nobody ranked for {plan.stopped_s:.0f} s", "waited", "rankings read"]
    head += ["s from ready until current", "s for an aiokafka loop to read as many"]
    return table(head, rows) if rows else ""


def _page(results: Results) -> str:
    rows = []
    for pages in sorted({each.pages for each in results.page}):
        windows = [each for each in results.page if each.pages == pages]
        rates = spread([each.records_per_second for each in windows], 0)
        costs = spread([each.cpu_microseconds_per_record for each in windows], 1)
        rows.append([f"{pages}", f"{len(windows)}", rates, costs])
    return table(["open pages", "windows", "records/s", "CPU us/record"], rows) if rows else ""


def _target(plan: Plan, results: Results) -> str:
    if not results.target:
        return ""
    sizes = (TARGET, *plan.trial.sizes)
    rows = [
        [f"{load:.0%}", *(f"{tail[size]:.1f}" if size in tail else "-" for size in sizes)]
        for load, tail in zip(plan.trial.loads, tails(results.target), strict=True)
    ]
    done = [median(each.saturated[size] for each in results.target) for size in sizes]
    rows.append(["rows/s at most", *(f"{each:,.0f}" for each in done)])
    return table(["p99 ms, by load and batch size", f"{TARGET_MS:g} ms wanted", *map(str, plan.trial.sizes)], rows)


def _targets(found: Sequence[Verdict]) -> str:
    rows = []
    for each in found:
        limit = f"{'at least' if each.at_least else 'at most'} {each.limit:g} {each.unit}"
        several = each.measured.lowest != each.measured.highest
        measured = f"{_spread(each.measured, 2, several=several)} {each.unit}"
        rows.append([each.what, measured, limit, "met" if each.met else "MISSED"])
    return table(["target", "median (lowest-highest)", "wanted", ""], rows) if rows else ""


def _spreads(figures: _Figures[_Run], runs: Sequence[_Run], digits: int) -> list[str]:
    return [spread([figure(run) for run in runs], digits) for _, figure in figures]


def _spread(value: Spread, digits: int, *, several: bool) -> str:
    if not several:
        return f"{value.median:,.{digits}f}"
    return f"{value.median:,.{digits}f} ({value.lowest:,.{digits}f}-{value.highest:,.{digits}f})"

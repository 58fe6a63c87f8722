"""The tables of a run for people, and everything that was seen for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from tests.chaos.campaign import Tally
from tests.chaos.deck import MEANINGS
from tests.chaos.figures import Figure, figures
from tests.chaos.outcome import Outcome
from tests.chaos.writer import Sort

_GAP = "  "


def text(outcome: Outcome) -> str:
    """Return the tables of one part."""
    parts = [_head(outcome), _faults(outcome), _outages(outcome), _records(outcome), _figures(figures(outcome))]
    return "\n\n".join(filter(None, parts))


def write_json(path: Path, outcome: Outcome, seed: int) -> None:
    """Write all that was counted."""
    found = figures(outcome)
    everything = {"seed": seed, "figures": [{**asdict(each), "met": each.met} for each in found], **_raw(outcome)}
    path.write_text(json.dumps(everything, indent=1) + "\n")


def write_copies(path: Path, outcome: Outcome) -> None:
    """Write every answer, in the order in which brokers took them, to find out how something went wrong."""
    with path.open("w") as file:
        for copy in sorted(outcome.copies, key=lambda copy: (copy.at, copy.topic, copy.partition, copy.offset)):
            file.write(json.dumps(asdict(copy)) + "\n")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an aligned table: the first column and the last to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for first, *others, last in [head, *rows]:
        middle = (cell.rjust(width) for cell, width in zip(others, widths[1:-1], strict=True))
        cells = [first.ljust(widths[0]), *middle, last]
        lines.append(_GAP.join(cells).rstrip())
    return "\n".join(lines)


def _head(outcome: Outcome) -> str:
    workers = outcome.workers
    return (
        f"{outcome.part}, {outcome.guarantee}: {outcome.seconds / 60:.1f} minutes, {workers.starts} workers started, "
        f"{workers.tensorflow} of them with TensorFlow; {workers.clean_stops} told to stop ended with 0"
    )


def _faults(outcome: Outcome) -> str:
    if not outcome.tallies:
        return f"{outcome.restarts} restarts one after the other" if outcome.restarts else ""
    rows = [[kind.value, *_cells(tally), MEANINGS[kind]] for kind, tally in outcome.tallies.items() if tally.faults]
    every = Tally(
        sum(tally.faults for tally in outcome.tallies.values()),
        sum(tally.held for tally in outcome.tallies.values()),
        sum(tally.vain for tally in outcome.tallies.values()),
        [seconds for tally in outcome.tallies.values() for seconds in tally.recovered],
    )
    head = ["fault", "times", "repeated", "held", "recovered s", "slowest s", "what was done"]
    return table(head, [*rows, ["all", *_cells(every), ""]])


def _outages(outcome: Outcome) -> str:
    if not outcome.outages:
        return ""
    head = ["outage", "lasted s", "told after s", "ready s", "all done s", "what /readyz said"]
    rows = [
        [each.manner, *map(_seconds, (each.lasted, each.told, each.ready, each.recovered)), each.reason or "ready"]
        for each in outcome.outages
    ]
    return table(head, rows)


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f}"


def _cells(tally: Tally) -> list[str]:
    seconds = tally.recovered
    recovered = [f"{median(seconds):.1f}", f"{max(seconds):.1f}"] if seconds else ["", ""]
    return [str(tally.faults), str(tally.vain), f"{tally.held:,}", *recovered]


def _records(outcome: Outcome) -> str:
    verdict = outcome.verdict
    head = ["records", *Sort, "lost", "duplicated", "after crashes", "out of order", "after a freeze"]
    row = [
        len(verdict.lost),
        verdict.duplicates,
        verdict.duplicates - len(verdict.unexplained),
        len(verdict.out_of_order),
        len(verdict.apart),
    ]
    counts = [verdict.records, *(outcome.sorts[sort] for sort in Sort), *row]
    return table(head, [[f"{count:,}" for count in counts]])


def _figures(found: Sequence[Figure]) -> str:
    rows = [
        [
            each.what,
            f"{each.measured:,.4g}",
            f"{'below' if each.below else 'at most'} {each.limit:,g}",
            "met" if each.met else "MISSED",
        ]
        for each in found
    ]
    return table(["figure", "measured", "wanted", ""], rows)


def _raw(outcome: Outcome) -> dict[str, object]:
    verdict = outcome.verdict
    return {
        "part": outcome.part,
        "guarantee": outcome.guarantee,
        "seconds": round(outcome.seconds, 1),
        "restarts": outcome.restarts,
        "outages": list(map(asdict, outcome.outages)),
        "sorts": outcome.sorts,
        "faults": {kind: asdict(tally) for kind, tally in outcome.tallies.items()},
        "workers": asdict(outcome.workers),
        "records": verdict.records,
        "lost": verdict.lost,
        "duplicates": verdict.duplicates,
        "unexplained": list(map(asdict, verdict.unexplained)),
        "by_crash": [{**asdict(crash), "duplicates": count} for crash, count in verdict.by_crash.items()],
        "out_of_order": list(map(asdict, verdict.out_of_order)),
        "apart": list(map(asdict, verdict.apart)),
        "stray": list(map(asdict, verdict.stray)),
        "mixed_up": list(map(asdict, outcome.mixed_up)),
        "misplaced": list(map(asdict, outcome.misplaced)),
        "audited": asdict(outcome.audited),
        "growth": {name: asdict(growth) for name, growth in outcome.growth.items()},
    }

"""The table of docs/scaling.md is the arithmetic that it says it is, on the results that it names."""

import json
import math
import re
from statistics import median

import pytest

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
RESULTS = ROOT / "benchmarks" / "results"
# The columns of the table: the file, and who in it.
MEASURED = [
    ("2026-11-25-223132", "service"),
    ("2026-11-25-223132", "exactly_once"),
    ("2026-11-26-042024-throughput", "service"),
    ("2026-11-26-041743-throughput", "service"),
]


def rounds(file: str, who: str, part: str = "throughput") -> list[dict[str, float]]:
    return json.loads((RESULTS / f"{file}.json").read_text())["results"][part][who]


def rate(file: str, who: str) -> float:
    return median(each["records_per_second"] for each in rounds(file, who))


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below *heading*."""
    section = PAGE.split(f"## {heading}\n")[1]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table
    return [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table[0].splitlines()[2:]]


def number(text: str) -> float:
    return float(re.sub(r"[^\d.]", "", text))


@pytest.mark.parametrize(("row", "measured"), list(zip(range(4), MEASURED, strict=True)))
def test_what_one_worker_does_is_what_was_measured(row: int, measured: tuple[str, str]) -> None:
    *_, per_second, cpu, memory = rows("What one worker does")[row]

    assert number(per_second) == round(rate(*measured))
    used = median(each["cpu_microseconds_per_record"] for each in rounds(*measured))
    assert number(cpu) == pytest.approx(used, abs=0.5 if used > 100 else 0.05)
    assert number(memory) == pytest.approx(median(each["peak_rss_mib"] for each in rounds(*measured)), abs=0.6)


def test_the_number_of_workers_is_twice_what_the_rate_would_take_rounded_up() -> None:
    table = rows("How many workers")

    assert len(table) == 4
    for wanted, *workers in table:
        for count, measured in zip(workers, MEASURED, strict=True):
            assert int(count) == math.ceil(2 * number(wanted) / rate(*measured))

import json
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import report
from benchmarks.contenders import Contender
from benchmarks.outage import Outage
from benchmarks.plan import THROUGHPUT_CONTENDERS, Part, Plan
from benchmarks.results import Results
from benchmarks.targets import verdicts
from tests.benchmarks.figures import latency, startup, throughput


def _results() -> Results:
    return Results(
        throughput={
            each: [throughput(rate=rate, cpu=12.34), throughput(rate=rate * 3, cpu=10)]
            for each, rate in zip(THROUGHPUT_CONTENDERS, (50_000, 40_000, 90_000, 5_000, 200_000), strict=True)
        },
        start=[startup(ready=12)],
    )


def test_columns_are_aligned_the_first_left_and_the_others_right() -> None:
    lines = report.table(["who", "rate"], [["a", "10"], ["longer", "5"]]).splitlines()
    assert lines == ["who     rate", "a         10", "longer     5"]


def test_a_spread_shows_the_median_and_how_far_values_lie_apart() -> None:
    assert report.spread([2000.0, 1000.0, 4000.0], 0) == "2,000 (1,000-4,000)"
    assert report.spread([1.25], 2) == "1.25"


def test_the_report_names_contenders_figures_and_missed_targets() -> None:
    results = _results()
    said = report.text(Plan(), results, verdicts(results))
    for words in ("StreamRank", "textbook Faust agent", "100,000 (50,000-150,000)", "11.2 (10.0-12.3)"):
        assert words in said
    assert [line.split()[-1] for line in said.splitlines() if line.startswith("start to ready")] == ["MISSED"]


def test_an_outage_is_shown_beside_the_time_to_read_what_waited() -> None:
    said = report.text(Plan(), Results(outages=[Outage(True, 60, 140_000, 4.25, 6_000, 1.75)]), [])
    (line,) = [line.split() for line in said.splitlines() if line.startswith("only what is newest")]
    assert line[-4:] == ["140,000", "6,000", "4.25", "1.75"]


def test_parts_that_were_not_measured_are_left_out() -> None:
    results = Results(latency={Contender.ECHO: [latency(2)]})
    said = report.text(Plan(parts=(Part.LATENCY,)), results, [])
    assert said.splitlines()[0].startswith("latency at 1,000 records/s")
    assert "throughput" not in said


def test_the_file_holds_every_raw_figure_and_the_verdicts(tmp_path: Path) -> None:
    results, path = _results(), tmp_path / "results" / "run.json"
    began = datetime(2025, 11, 22, 10, 30, tzinfo=UTC)
    found = verdicts(results)
    report.write_json(path, began=began, machine={"cores": 2}, plan=Plan(), results=results, found=found)
    read = json.loads(path.read_text())
    assert [each["records_per_second"] for each in read["results"]["throughput"]["service"]] == [50_000, 150_000]
    assert read["plan"]["pace"] == {"rate": 1000, "warm_up_s": 5, "seconds": 20}
    assert read["began"] == "2025-11-22T10:30:00+00:00"
    assert {each["what"]: each["met"] for each in read["targets"]}["start to ready"] is False

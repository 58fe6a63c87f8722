import pytest

from benchmarks.__main__ import parse
from benchmarks.plan import QUICK, Part, Plan


def test_without_options_everything_is_measured_in_full() -> None:
    assert parse([]) == Plan()
    assert set(Plan().parts) == set(Part)


def test_quick_is_one_small_round_of_everything() -> None:
    assert parse(["--quick"]) == QUICK
    assert QUICK.runs == 1


def test_options_change_the_quick_and_the_full_plan_alike() -> None:
    plan = parse(["--quick", "--runs", "3", "--records", "500", "--rate", "50", "--seconds", "2"])
    assert (plan.runs, plan.starts, plan.records, plan.pace.rate, plan.pace.seconds) == (3, 3, 500, 50, 2)
    assert plan.textbook_records == QUICK.textbook_records
    assert parse(["--hidden", "2048,512"]).hidden == (2048, 512)


def test_parts_can_be_picked() -> None:
    assert parse(["--only", "start", "--only", "throughput"]).parts == (Part.THROUGHPUT, Part.START)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--runs", "0"],
        ["--runs", "many"],
        ["--only", "everything"],
        ["--nothing"],
        ["--rate", "-1"],
        ["--hidden", "64,"],
    ],
)
def test_wrong_usage_ends_with_status_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(wrong)
    assert ended.value.code == 2
    assert "error" in capsys.readouterr().err


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--help"])
    assert ended.value.code == 0
    assert 'make bench ARGS="--quick"' in capsys.readouterr().out

"""The command line."""

from pathlib import Path

import pytest

from tests.chaos.__main__ import _parse, _plan, main
from tests.chaos.deck import Guarantee, Kind


def plan(*arguments: str):
    return _plan(_parse(list(arguments)))


def test_by_default_everything_is_done_under_both_guarantees_with_a_seed_by_chance():
    full = plan()
    assert (full.faults, full.records, full.rolling) == (200, 200_000, 50)
    assert (full.outage_seconds, full.soak_minutes) == (60, 15)
    assert (list(full.guarantees), list(full.soak_guarantees)) == (list(Guarantee), [Guarantee.EXACTLY_ONCE])
    assert len({plan().seed for _ in range(20)}) > 1


def test_quick_is_small_except_where_told_otherwise():
    quick = plan("--quick", "--rolling", "7", "--seed", "0")
    assert (quick.seed, quick.faults, quick.records, quick.rolling) == (0, 10, 0, 7)
    assert (quick.outage_seconds, quick.soak_minutes) == (0, 0)


def test_kinds_and_guarantees_can_be_picked():
    picked = plan("--only", "cut", "--only", "kill", "--guarantee", "at_least_once", "--faults", "0")
    assert (list(picked.only), list(picked.guarantees)) == ([Kind.CUT, Kind.KILL], [Guarantee.AT_LEAST_ONCE])
    assert (picked.faults, list(picked.soak_guarantees)) == (0, [Guarantee.AT_LEAST_ONCE])


@pytest.mark.parametrize(
    "wrong",
    [
        ["--faults", "-1"],
        ["--only", "bribe"],
        ["--seeds", "1"],
        ["what"],
        ["--quick", "--faults", "0", "--rolling", "0"],
        ["--soak", "0.5"],
        ["--outages", "-1"],
        ["--rate", "0"],
    ],
)
def test_wrong_usage_ends_with_2(wrong: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(wrong)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--quick", "--folder", str(tmp_path)]) == 2
    assert "must be a new one" in capsys.readouterr().err


def test_help_explains_kinds_examples_and_exit_statuses(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(kind.value in text for kind in Kind)
    assert "examples:" in text
    assert "exit status: 0" in text

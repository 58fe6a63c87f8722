import pytest

from benchmarks import progress


def test_piped_every_step_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown(2) as shown:
        shown.begin("round 1")
        shown.finish("fast")
        shown.begin("round 2")
        shown.finish("slow")
    assert capsys.readouterr().out == "[1/2] round 1: fast\n[2/2] round 2: slow\n"


def test_on_a_terminal_outcomes_stand_above_the_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rich")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with progress.shown(1) as shown:
        shown.begin("round 1")
        shown.finish("[bold] is no markup here")
    assert "round 1: [bold] is no markup here" in capsys.readouterr().out

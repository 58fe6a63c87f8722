import re
from io import StringIO

from rich.console import Console

from app.demo.screen import PlainScreen, Screen, open_screen
from app.demo.tally import Figures
from app.demo.terminal import TerminalScreen, sparkline
from app.demo.view import Line, RaceView, View

LINES = (
    Line(1, 2, "Amber [Comet]", 0.75, 3, (0.1, 0.5, 0.75)),
    Line(2, -1, "Silent River", 0.25, 1, (0.9, 0.5, 0.25)),
    Line(3, None, "Late Arrival", 0.0, None, (0.0,)),
)
RACE = RaceView("race-7", "2,000 m", "furlong", 3, 9, LINES)
FIGURES = Figures(total=20_000, sent=1_500, answered=1_234, rate=2_000.4, p50=3.14, p99=27.18)
VIEW = View(FIGURES, "race 1", RACE)


def show_a_demo(screen: Screen) -> None:
    with screen.step("model") as step:
        step.progress(0.5, "[half] way")
        step.result = "[trained] well"
    with screen.stream("stream") as show:
        show(View(FIGURES, "", None))
        show(VIEW)
    screen.verdict(["all in all"], ["a fault"])


def test_into_a_pipe_go_plain_lines_without_any_control_characters(capsys):
    screen = open_screen()
    assert isinstance(screen, PlainScreen)
    show_a_demo(screen)
    said = capsys.readouterr().out
    told = r"model \.\.\.\n    \[trained\] well \(0\.\d s\)\nstream \.\.\.\n\nall in all\nWRONG: a fault\n"
    assert re.fullmatch(told, said)


def test_a_long_stream_is_told_about_once_a_second(capsys):
    clock = iter([100.0, 100.4, 101.1, 101.9, 102.1])
    with PlainScreen(clock.__next__).stream("stream") as show:
        for _ in range(4):
            show(VIEW)
    lines = capsys.readouterr().out.splitlines()[1:]
    figures = "1,234 of 20,000 records back, 2,000 a second, latency p50 3.1 ms, p99 27.2 ms, 266 on their way"
    assert lines == [f"    {figures}; race-7, furlong 3 of 9: Amber [Comet] wins with 75%"] * 2


def on_a_terminal(width: int) -> str:
    written = StringIO()
    show_a_demo(TerminalScreen(Console(file=written, force_terminal=True, color_system=None, width=width)))
    return written.getvalue()


def test_a_terminal_shows_the_figures_and_one_race():
    said = on_a_terminal(120)
    for words in ("[half] way", "[trained] well", "1234/20000", "266", "race 1", "✗ a fault"):
        assert words in said
    assert "race-7, 2,000 m: furlong 3 of 9" in said


def test_a_race_has_a_line_for_each_member_also_on_a_narrow_terminal():
    said = on_a_terminal(80)
    assert re.search(r"1  ▲2   Amber \[Comet\] +75%  █{9}·{3}    3  ▁▅▇ ", said)
    assert re.search(r"2  ▼1   Silent River +25%  █{3}·{9}    1  █▅▃ ", said)
    assert re.search(r"3 +Late Arrival +0%  ·{12}  out  ▁ ", said)


def test_a_sparkline_has_a_level_for_each_eighth():
    assert sparkline([0, 0.12, 0.13, 0.5, 0.99, 1]) == "▁▁▂▅██"

import re
from io import StringIO

from rich.console import Console

from app.demo.screen import PlainScreen, Screen, open_screen
from app.demo.tally import Prediction, View
from app.demo.terminal import TerminalScreen

VIEW = View(
    total=20_000,
    sent=1_500,
    answered=1_234,
    dead_letters=3,
    rate=2_000.4,
    p50=3.14,
    p99=27.18,
    latest=(Prediction(7, "three", (("three", 0.9), ("eight", 0.1))),),
)


def show_a_demo(screen: Screen) -> None:
    with screen.step("model") as step:
        step.progress(0.5, "[half] way")
        step.result = "[trained] well"
    with screen.stream("stream") as show:
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
    assert lines == ["    " + figures] * 2


def test_a_terminal_shows_the_figures_and_the_newest_predictions():
    written = StringIO()
    screen = TerminalScreen(Console(file=written, force_terminal=True, color_system=None, width=120))
    show_a_demo(screen)
    said = written.getvalue()
    for words in ("[half] way", "[trained] well", "1234/20000", "266", "1. three 0.900  2. eight 0.100", "✗ a fault"):
        assert words in said

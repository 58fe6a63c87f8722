import io
import itertools

import pytest

from app.deadletters import gauge as module
from app.deadletters.gauge import gauge


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock takes half a second."""
    clock = itertools.count(0, 0.5)
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))


@pytest.mark.usefixtures("seconds")
def test_a_terminal_shows_how_far_it_is_when_it_takes_long_and_nothing_afterwards() -> None:
    terminal = Terminal()
    with gauge("letters", 1200, terminal) as moved:
        moved()
        assert terminal.getvalue() == ""
        moved()
        moved()
        assert terminal.getvalue() == "\r2 of 1,200 letters\x1b[K\r3 of 1,200 letters\x1b[K"
    assert terminal.getvalue().endswith("\r\x1b[K")


@pytest.mark.usefixtures("seconds")
def test_what_is_no_terminal_stays_empty() -> None:
    stream = io.StringIO()
    with gauge("letters", 3, stream) as moved:
        for _ in range(9):
            moved()
    assert stream.getvalue() == ""


def test_a_terminal_stays_empty_too_when_it_is_quick() -> None:
    terminal = Terminal()
    with gauge("letters", 1, terminal) as moved:
        moved()
    assert terminal.getvalue() == ""

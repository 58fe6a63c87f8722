"""Places are kept filled, and whoever ends otherwise than it may is remembered."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.child import Child
from tests.chaos.crew import TENSORFLOW_EVERY, Crew
from tests.chaos.journal import Journal
from tests.chaos.member import Fate, Member

Start = Callable[[str, int, bool], Member]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Starts processes that only wait, and end with 0 when they are told to."""
    program = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print('up'); time.sleep(60)"
    )

    def child(_command: object, **options: object) -> Child:
        return Child([sys.executable, "-u", "-c", program], **options)

    monkeypatch.setattr("tests.chaos.member.Child", child)
    return lambda name, place, tensorflow: Member(name, place, tensorflow=tensorflow, folder=tmp_path, variables={})


def up(crew: Crew) -> Member:
    crew.tick()
    member = crew.at(0)
    assert member is not None
    crew.wait(lambda: "up" in member.child.last_lines(), 20, "it runs")
    return member


def gone(crew: Crew, member: Member) -> None:
    crew.wait(lambda: crew.at(0) is not member, 20, "it has ended")


def test_who_ends_as_expected_is_followed_by_the_next(start: Start, tmp_path: Path):
    crew = Crew(start, 1, Journal(tmp_path / "events"))
    first = up(crew)
    first.kill()
    gone(crew, first)
    second = up(crew)
    second.terminate()
    gone(crew, second)
    assert [member.name for member in crew.everybody[:2]] == ["worker-0.1", "worker-0.2"]
    assert (crew.surprises, crew.clean_stops) == ([], 1)
    crew.kill()


def test_a_worker_that_ends_by_itself_is_a_surprise_unless_it_was_away_for_too_long(start: Start, tmp_path: Path):
    crew = Crew(start, 1, Journal(tmp_path / "events"))
    for excused in (False, True):
        member = up(crew)
        if excused:
            member.goes_away(1)
        member.child.kill()
        gone(crew, member)
    assert [each.worker for each in crew.surprises] == ["worker-0.1", "worker-0.2"], "nobody may die of a signal"
    assert crew.surprises[0].status == -signal.SIGKILL
    crew.kill()


def test_a_zombie_may_end_with_an_error_and_nobody_else():
    assert [fate for fate in Fate if fate.allows(1)] == [Fate.ZOMBIE]
    assert [fate for fate in Fate if fate.allows(0)] == [Fate.STOPPED]
    assert [fate for fate in Fate if fate.allows(-signal.SIGKILL)] == [Fate.KILLED]


def test_one_start_in_ten_at_least_is_tensorflows(start: Start, tmp_path: Path):
    crew = Crew(start, 1, Journal(tmp_path / "events"))
    for number in range(1, 22):
        member = up(crew)
        assert crew.tensorflow_starts * TENSORFLOW_EVERY >= number
        member.kill()
        gone(crew, member)
    assert crew.tensorflow_starts == 3
    crew.kill()


def test_a_place_that_is_not_wanted_any_more_stays_empty(start: Start, tmp_path: Path):
    crew = Crew(start, 1, Journal(tmp_path / "events"))
    up(crew)
    crew.stop()
    assert crew.members == []
    assert crew.clean_stops == 1

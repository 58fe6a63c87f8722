"""A fault strikes only who is proven to hold uncommitted records."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.chaos.crew import Crew, NotInTime
from tests.chaos.journal import Journal
from tests.chaos.offsets import Silent
from tests.chaos.scene import Scene


class Worker:
    """Says that it holds records, and notes whether it is frozen."""

    exit_status = None
    partitions = (0,)
    tensorflow = False

    def __init__(self, name: str, place: int, in_flight: int, *, ready: bool = True) -> None:
        self.name = name
        self.place = place
        self.frozen = False
        self._status = {"ready": ready, "in_flight_records": in_flight}

    def status(self) -> dict[str, Any] | None:
        return None if self.frozen else self._status

    def freeze(self) -> None:
        self.frozen = True

    def thaw(self) -> None:
        self.frozen = False


class Committed:
    """Tells one number after the other."""

    def __init__(self, *numbers: int | None) -> None:
        self._numbers: Iterator[int | None] = iter(numbers)

    def committed(self) -> dict[int, int]:
        number = next(self._numbers, 1_000)
        if number is None:
            raise Silent("nobody answers")
        return {0: number, 1: 5}


MakeScene = Callable[[list[Worker], Committed], Scene]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MakeScene:
    monkeypatch.setattr("tests.chaos.scene._CATCH_S", 0.2)

    def make(workers: list[Worker], committed: Committed) -> Scene:
        journal = Journal(tmp_path / "events")
        crew = Crew(lambda name, place, _: cast(Any, workers[place]), len(workers), journal)
        crew.tick()
        anything = cast(Any, None)
        offsets = cast(Any, committed)
        return Scene(cluster=anything, topics=anything, crew=crew, writer=anything, offsets=offsets, journal=journal)

    return make


def test_whoever_holds_more_than_the_group_has_committed_meanwhile_is_caught_frozen(scene: MakeScene):
    worker = Worker("a", 0, in_flight=12)
    caught = scene([worker], Committed(100, 107)).catch(0)
    assert (caught.victim, caught.held, caught.vain) == (worker, 5, 0)
    assert worker.frozen


def test_whoever_may_have_committed_it_all_meanwhile_goes_on_and_is_caught_later(scene: MakeScene):
    worker = Worker("a", 0, in_flight=12)
    caught = scene([worker], Committed(100, 112, 113, 113)).catch(0)
    assert (caught.held, caught.vain) == (12, 1)


@pytest.mark.parametrize("worker", [Worker("a", 0, in_flight=0), Worker("a", 0, in_flight=9, ready=False)])
def test_whoever_holds_nothing_or_is_not_ready_is_not_caught(worker: Worker, scene: MakeScene):
    with pytest.raises(NotInTime, match="holds uncommitted records"):
        scene([worker], Committed()).catch(0)
    assert not worker.frozen


@pytest.mark.parametrize("numbers", [(None,), (100, None)])
def test_while_the_broker_tells_nothing_nobody_is_caught(numbers: tuple[int | None, ...], scene: MakeScene):
    worker = Worker("a", 0, in_flight=12)
    assert scene([worker], Committed(*numbers, 100, 100)).catch(0).held == 12


def test_the_one_that_is_wanted_is_tried_first_and_those_that_do_not_suit_are_not(scene: MakeScene):
    workers = [Worker("a", 0, 9), Worker("b", 1, 9), Worker("c", 2, 9)]
    assert scene(workers, Committed(*[1] * 9)).catch(2).victim.name == "c"
    workers[2].thaw()
    assert scene(workers, Committed(*[1] * 9)).catch(2, lambda each: each.name == "b").victim.name == "b"

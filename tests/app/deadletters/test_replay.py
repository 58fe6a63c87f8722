"""In which steps letters go, and what counts as progress; the outlets only take notes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition

from app.deadletters.destination import Addressed, Destination
from app.deadletters.letter import Letter
from app.deadletters.outlet import Outlet
from app.deadletters.pace import Pace
from app.deadletters.place import Place
from app.deadletters.replay import Replay
from app.deadletters.selection import Selection
from app.deadletters.tally import Tally
from app.kafka.producer import Refusal
from tests.app.deadletters.letters import letter, outgoing


class Notes(Outlet):
    """Notes the places of what it is given, and the offset.

    Args:
        refused: what it refuses.
        on_step: called after each step.
    """

    def __init__(self, refused: Sequence[Place] = (), on_step: Callable[[], None] = lambda: None) -> None:
        self.steps: list[tuple[list[str], int]] = []
        self._refused = refused
        self._on_step = on_step

    async def open(self) -> int | None:
        return None

    async def settle(self, letters: Sequence[Addressed], offset: int) -> Mapping[int, Refusal]:
        self.steps.append(([str(each.letter.place) for each in letters], offset))
        self._on_step()
        return {number: Refusal.INVALID for number, each in enumerate(letters) if each.letter.place in self._refused}

    async def close(self) -> None:
        """Keep the notes."""


def found(*places: str, topic: str = "in", size: int = 2) -> list[Letter]:
    source = TopicPartition(topic, 0)
    return [letter(outgoing(value=b"x" * size, source=source), *Place.read(place)) for place in places]


async def stream(letters: Sequence[Letter]) -> AsyncIterator[Letter]:
    for each in letters:
        yield each


async def replay(letters: Sequence[Letter], outlets: Mapping[int, Outlet], **how: Any) -> Tally:
    tally = Tally()
    defaults: dict[str, Any] = {"selection": Selection(), "pace": Pace(None), "limit": None, "stop": asyncio.Event()}
    destination = Destination("in", input_topic="in", any_source=False, count=lambda _topic: 4)
    parts = {"destination": destination, "outlets": outlets, "tally": tally, "step_seconds": 30.0, **defaults, **how}
    await Replay(**parts).run(stream(letters))
    return tally


async def test_letters_go_together_by_partition_and_the_progress_is_behind_the_last_of_them():
    outlets = {0: Notes(), 1: Notes()}
    tally = await replay(found("0@3", "1@0", "0@7", "1@9"), outlets)
    assert outlets[0].steps == [(["0@3", "0@7"], 8)]
    assert outlets[1].steps == [(["1@0", "1@9"], 10)]
    assert (tally.written, tally.seen) == (4, 4)


async def test_at_most_500_letters_and_about_a_million_bytes_go_together():
    notes = Notes()
    await replay(found(*(f"0@{offset}" for offset in range(1200))), {0: notes})
    assert [len(places) for places, _ in notes.steps] == [500, 500, 200]
    assert [offset for _, offset in notes.steps] == [500, 1000, 1200]
    notes = Notes()
    await replay(found(*(f"0@{offset}" for offset in range(7)), size=400_000), {0: notes})
    assert [len(places) for places, _ in notes.steps] == [3, 3, 1]


async def test_a_rate_makes_smaller_steps():
    notes = Notes()
    await replay(found(*(f"0@{offset}" for offset in range(50))), {0: notes}, pace=Pace(200))
    assert [len(places) for places, _ in notes.steps] == [20, 20, 10]


async def test_what_cannot_be_written_is_progress_all_the_same():
    notes = Notes(refused=[Place(0, 2)])
    letters = [*found("0@0"), *found("0@1", topic="elsewhere"), *found("0@2"), *found("0@3", topic="elsewhere")]
    tally = await replay(letters, {0: notes})
    assert notes.steps == [(["0@0", "0@2"], 4)]
    assert (tally.written, tally.refused) == (1, 3)


async def test_what_does_not_match_is_no_progress_of_its_own():
    notes = Notes()
    selection = Selection(places=frozenset({Place(0, 1)}))
    tally = await replay(found("0@0", "0@1", "0@2"), {0: notes}, selection=selection)
    assert notes.steps == [(["0@1"], 2)]
    assert (tally.written, tally.passed_over) == (1, 2)


@pytest.mark.parametrize("limit", [1, 3, 499, 500, 501, 700])
async def test_the_limit_counts_what_is_written(limit: int):
    letters = [
        each
        for number in range(600)
        for each in (*found(f"0@{2 * number}"), *found(f"0@{2 * number + 1}", topic="other"))
    ]
    notes = Notes()
    tally = await replay(letters, {0: notes}, limit=limit)
    assert tally.written == min(limit, 600)
    assert notes.steps[-1][1] == tally.seen


async def test_a_stop_lets_the_step_under_way_be_the_last():
    stop = asyncio.Event()
    outlets = {0: Notes(on_step=stop.set), 1: Notes()}
    tally = await replay(found("0@0", "1@0"), outlets, stop=stop)
    assert (outlets[0].steps, outlets[1].steps, tally.written) == ([(["0@0"], 1)], [], 1)


async def test_a_stop_while_nothing_matches_ends_it_too():
    stop, looked_at = asyncio.Event(), []

    def moved() -> None:
        looked_at.append(1)
        stop.set()

    letters = found(*(f"0@{offset}" for offset in range(9)))
    await replay(letters, {0: Notes()}, stop=stop, moved=moved, selection=Selection(since=2**60))
    assert len(looked_at) == 1


async def test_a_step_that_does_not_end_is_given_up():
    class Stuck(Notes):
        async def settle(self, letters: Sequence[Addressed], offset: int) -> Mapping[int, Refusal]:
            await asyncio.Event().wait()
            return {}

    with pytest.raises(TimeoutError):
        await replay(found("0@0"), {0: Stuck()}, step_seconds=0.01)

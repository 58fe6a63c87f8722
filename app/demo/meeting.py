"""Races that are run together: what was sent of them, what came out, and what is to be seen of it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from app.audit.provenance import answered, stands_for
from app.demo.programme import Programme
from app.demo.published import Published
from app.demo.schedule import Due
from app.demo.tally import Place, Tally
from app.demo.view import View, race_view


class _Entry(msgspec.Struct):
    label: str
    score: float


class _Ranking(msgspec.Struct):
    id: int
    predictions: list[_Entry]


_DECODER = msgspec.json.Decoder(_Ranking)
_NOWHERE = (-1, -1)


class Answer(NamedTuple):
    """A record of one of the topics that the service writes.

    Attributes:
        key: the name of the race.
        headers: as it has them.
        value: None for a tombstone.
    """

    key: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    value: bytes | None


class Meeting:
    """One run of a programme.

    Args:
        programme: the races.
        plan: their records, from `schedule`.
        source: the input topic.
        first_id: see `schedule`.

    Attributes:
        tally: what was sent and came out.
        published: the rankings.
        model: name and version by the last answer; empty before it.
    """

    def __init__(self, programme: Programme, plan: Sequence[Due], *, source: str, first_id: int = 0) -> None:
        self.programme = programme
        self.plan = plan
        self.tally = Tally(len(plan))
        self.published = Published(programme.races)
        self.model = ""
        self._source = source.encode()
        self._first_id = first_id
        self._races = {race.name.encode(): index for index, race in enumerate(programme.races)}
        self._running: list[int] = []
        self._over: set[int] = set()
        self._shown: int | None = None

    def sent(self, due: Due, at: float) -> None:
        """Note that *due* was sent, and when it should have been."""
        self.tally.sent(at)

    def placed(self, due: Due, place: Place) -> None:
        """Note where the broker has put a record."""
        self.tally.placed(due.number, place, ends_race=due.ends_race)

    def came_out(self, answer: Answer, now: float) -> None:
        """Take a record of the output topic."""
        place = self._note_headers(answer, now)
        if answer.value is None:
            self.tally.ended(place, now)
            self._over.update({self._races[answer.key]} if answer.key in self._races else ())
            return
        ranking = _DECODER.decode(answer.value)
        number = ranking.id - self._first_id
        # A ranking that comes again may be an old one, and one of an earlier meeting is of another race.
        if self.tally.ranked(number, place, now) and 0 <= number < len(self.plan):
            self._show(due := self.plan[number])
            self.published.note(due, {entry.label: entry.score for entry in ranking.predictions})

    def refused(self, answer: Answer, now: float) -> None:
        """Take a record of the dead-letter topic."""
        self.tally.dead_lettered(self._note_headers(answer, now), now)

    def view(self, now: float) -> View:
        """Return what is to be seen now."""
        race = None
        if (index := self._shown) is not None:
            race = race_view(self.programme.races[index], self.programme.about[index], index, self.published)
        return View(self.tally.figures(now), self.model, race)

    def _note_headers(self, answer: Answer, now: float) -> Place:
        place = answered(answer.headers, self._source) or _NOWHERE
        self.tally.overtaken(_places(place[0], stands_for(answer.headers)), now)
        headers = dict(answer.headers)
        if (name := headers.get("model-name")) and (version := headers.get("model-version")):
            self.model = f"{name.decode()} {version.decode()}"
        return place

    def _show(self, due: Due) -> None:
        """Choose the race to be shown: one until it ends, then the one of the others that began last."""
        if due.race not in self._running:
            self._running.append(due.race)
        if self._shown is None or self._shown in self._over:
            self._running = [race for race in self._running if race not in self._over] or [due.race]
            self._shown = self._running[-1]


def _places(partition: int, runs: Iterable[range]) -> Iterable[Place]:
    return ((partition, offset) for run in runs for offset in run)

"""The workers of a group: who ends is followed by somebody else, until the crew is told otherwise."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.chaos.journal import Journal
from tests.chaos.member import Fate, Member

# One start in so many is the real thing.
TENSORFLOW_EVERY = 10

_POLL_S = 0.01
_READY_S = 120.0
_STOP_S = 60.0

Start = Callable[[str, int, bool], Member]


class NotInTime(Exception):
    """What a run waits for did not happen."""


@dataclass(frozen=True, slots=True)
class Surprise:
    """A worker that ended otherwise than it may."""

    worker: str
    expected: str
    status: int
    last_lines: str


class Crew:
    """Keeps one worker in each place that is wanted.

    Args:
        start: starts a worker by its name, its place, and whether it is TensorFlow's.
        places: those that are wanted from the start.
        journal: is told who comes and goes.

    Attributes:
        restart_seconds: how long a place stays empty when somebody has ended.
        surprises: workers that ended otherwise than they may.
        clean_stops: how many ended with 0 when they were asked to.
        everybody: all that were ever started.
    """

    def __init__(self, start: Start, places: int, journal: Journal) -> None:
        self.restart_seconds = 0.0
        self.surprises: list[Surprise] = []
        self.clean_stops = 0
        self.everybody: list[Member] = []
        self._start = start
        self._journal = journal
        self._wanted = set(range(places))
        self._members: dict[int, Member] = {}
        self._empty_until: dict[int, float] = {}
        self._later: list[tuple[float, Callable[[], None]]] = []

    @property
    def members(self) -> list[Member]:
        """Those that run."""
        return list(self._members.values())

    @property
    def tensorflow_starts(self) -> int:
        """How many of all were TensorFlow's."""
        return sum(member.tensorflow for member in self.everybody)

    def at(self, place: int) -> Member | None:
        """Who runs there."""
        return self._members.get(place)

    def want(self, place: int, wanted: bool) -> None:
        """Keep a place filled from now on, or leave it empty when its worker has ended."""
        (self._wanted.add if wanted else self._wanted.discard)(place)

    # -- time goes by

    def tick(self) -> None:
        """Notice who has ended, fill empty places, do what is due."""
        for place, member in list(self._members.items()):
            if member.exit_status is not None:
                self._ended(place, member)
        for place in sorted(self._wanted - self._members.keys()):
            if time.monotonic() >= self._empty_until.get(place, 0.0):
                self._fill(place)
        now = time.monotonic()
        due = [call for at, call in self._later if at <= now]
        self._later = [(at, call) for at, call in self._later if at > now]
        for call in due:
            call()

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call in so many seconds, while somebody waits for something else."""
        self._later.append((time.monotonic() + seconds, call))

    def wait(self, condition: Callable[[], bool], within: float, what: str) -> None:
        """Let time go by until *condition* holds.

        Raises:
            NotInTime: it does not within so many seconds; *what* should have happened.
        """
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline:
                raise NotInTime(f"not within {within:g} s: {what}")
            self.tick()
            time.sleep(_POLL_S)

    def rest(self, seconds: float) -> None:
        """Let so many seconds go by."""
        until = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= until, seconds + 1, "the end of a rest")

    def wait_until_ready(self) -> None:
        """Wait for everybody who is wanted, and for what was put off."""
        self.wait(self.all_ready, _READY_S, "everybody is ready")

    def all_ready(self) -> bool:
        """Whether everybody who is wanted is ready, and nothing is put off."""
        return not self._later and self._members.keys() >= self._wanted and all(each.ready for each in self.members)

    # -- the end

    def stop(self) -> None:
        """Ask everybody to end, which must be with 0."""
        self._wanted.clear()
        for member in self.members:
            member.terminate()
        self.wait(lambda: not self._members, _STOP_S, "everybody has stopped")

    def kill(self) -> None:
        """End everybody at once, whatever has happened."""
        for member in self.members:
            member.child.kill()

    def last_lines(self) -> str:
        """The end of the log of all that run or ran last."""
        last = {member.place: member for member in self.everybody}
        return "\n".join(f"--- {each.name}\n{each.child.last_lines(40)}" for each in last.values())

    def _ended(self, place: int, member: Member) -> None:
        status = member.exit_status
        assert status is not None
        del self._members[place]
        self._empty_until[place] = time.monotonic() + self.restart_seconds
        self.clean_stops += member.fate is Fate.STOPPED and status == 0
        self._journal.note("ended", worker=member.name, status=status, may=member.fate.value)
        if not member.fate.allows(status):
            surprise = Surprise(member.name, member.fate.value, status, member.child.last_lines(40))
            self.surprises.append(surprise)
            self._journal.note("SURPRISE", worker=member.name, status=status, last_lines=surprise.last_lines)

    def _fill(self, place: int) -> None:
        number = len(self.everybody) + 1
        tensorflow = self.tensorflow_starts * TENSORFLOW_EVERY < number
        member = self._start(f"worker-{place}.{number}", place, tensorflow)
        self._members[place] = member
        self.everybody.append(member)
        self._journal.note("started", worker=member.name, tensorflow=tensorflow)


def by_preference(members: list[Member], place: int) -> Iterator[Member]:
    """The worker at *place* first, then the others."""
    return iter(sorted(members, key=lambda member: (member.place != place, member.place)))

"""Fault after fault, until there were enough of them and enough records."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.chaos.deck import GUEST, Fault, Kind
from tests.chaos.faults import VictimGone, arriving_guest, strike
from tests.chaos.member import Member
from tests.chaos.scene import Caught, Scene


@dataclass(slots=True)
class Tally:
    """What the faults of one kind came to.

    Attributes:
        faults: how many struck a worker with uncommitted records in its hands.
        held: how many such records, at least.
        vain: how often a worker was caught without any, and the fault repeated.
        recovered: how long the group then took to commit what was there, in seconds; where that was waited for.
    """

    faults: int = 0
    held: int = 0
    vain: int = 0
    recovered: list[float] = field(default_factory=list)


class Campaign:
    """Lets faults strike on a scene.

    Attributes:
        tallies: by kind.
    """

    def __init__(self, scene: Scene) -> None:
        self.tallies = {kind: Tally() for kind in Kind}
        self._scene = scene

    @property
    def faults(self) -> int:
        """How many struck."""
        return sum(tally.faults for tally in self.tallies.values())

    def run(self, faults: Iterator[Fault], *, at_least: int, records: int) -> None:
        """Go on until there were so many faults and the input has so many records."""
        while self.faults < at_least or len(self._scene.writer.confirmed) < records:
            self.one(next(faults))

    def one(self, fault: Fault) -> None:
        """Let a fault strike, and wait until the group has recovered unless the next is to strike before."""
        tally = self.tallies[fault.kind]
        try:
            caught = self._guest(fault) if fault.kind is Kind.GUEST else self._strike(fault)
        except VictimGone as gone:
            self._scene.journal.note("in vain: the victim was gone", victim=str(gone))
            tally.vain += 1
            return
        tally.faults += 1
        tally.held += caught.held
        tally.vain += caught.vain
        if fault.waits:
            tally.recovered.append(self._scene.wait_until_committed())
            self._scene.journal.note("recovered", after_seconds=round(tally.recovered[-1], 1))

    def _strike(self, fault: Fault) -> Caught:
        caught = self._scene.catch(fault.place, _suitable(fault.kind))
        self._tell(fault, caught)
        began = time.monotonic()
        strike(self._scene, fault, caught.victim)
        self._scene.journal.note("over", kind=fault.kind, after_seconds=round(time.monotonic() - began, 1))
        return caught

    def _guest(self, fault: Fault) -> Caught:
        scene = self._scene
        guest = scene.crew.at(GUEST)
        if guest is not None:
            scene.crew.want(GUEST, wanted=False)
            caught = scene.catch(GUEST, lambda member: member.place == GUEST)
            self._tell(fault, caught)
            caught.victim.terminate()
            scene.crew.wait(lambda: scene.crew.at(GUEST) is None, 60, "the guest has left")
            return caught
        with arriving_guest(scene):
            caught = scene.catch(fault.place, lambda member: member.place != GUEST)
            self._tell(fault, caught)
        caught.victim.thaw()
        return caught

    def _tell(self, fault: Fault, caught: Caught) -> None:
        self._scene.journal.note(
            f"fault {self.faults + 1}",
            kind=fault.kind,
            victim=caught.victim.name,
            held=caught.held,
            vain=caught.vain,
            seconds=fault.seconds,
            everyone=fault.everyone,
            either=fault.either,
            request=fault.request.name if fault.request is not None else None,
            waits=fault.waits,
            records=len(self._scene.writer.confirmed),
        )


def _suitable(kind: Kind) -> Callable[[Member], bool]:
    """Whom a fault may strike: TensorFlow's model cannot be told to hang."""
    return lambda member: not (kind is Kind.SLOW and member.tensorflow)

"""Long outages: every worker without its broker for as long as a machine needs to come back."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from tests.broker.proxy import Proxy
from tests.chaos.scene import Scene

# Workers may put up with slow answers for that long before they call it an outage.
_TOLD_S = 30.0
_RECOVERY_S = 60.0
_DELAY_SECONDS = 2.0
_FROZEN_SECONDS = 30.0


class Manner(StrEnum):
    """How one can be without a broker."""

    KILLED = "killed"
    FROZEN = "frozen"
    CUT = "cut"
    REQUESTS_LOST = "requests lost"
    ANSWERS_LOST = "answers lost"
    DELAYED = "delayed"


@dataclass(frozen=True, slots=True)
class Outage:
    """How one outage went; times in seconds.

    Attributes:
        manner: of what kind it was.
        lasted: from its begin to its end.
        told: when the last worker had said that it waits for the broker, after the begin; None where it may go on.
        reason: what a worker said at the end.
        ready: when every worker was ready again, after the end.
        recovered: when, besides, all was committed that had been written up to the end, after the end.
    """

    manner: Manner
    lasted: float
    told: float | None
    reason: str
    ready: float
    recovered: float


def pass_through(scene: Scene, seconds: float) -> list[Outage]:
    """Let one outage of each kind pass, *seconds* long; a frozen broker is back after 30 s at the latest.

    Raises:
        NotInTime: a worker does not say what it waits for, or the group does not recover.
    """
    # A record that the model refuses costs twenty calls of a slow model; this is about how soon the work goes on.
    scene.writer.only_good = True
    return [_one(scene, manner, seconds) for manner in Manner]


def _one(scene: Scene, manner: Manner, seconds: float) -> Outage:
    scene.crew.wait_until_ready()
    lasting = min(seconds, _FROZEN_SECONDS) if manner is Manner.FROZEN else seconds
    if manner is not Manner.KILLED:  # whoever is killed gives nobody's partitions to others
        committed = scene.offsets.committed()
        for member in scene.crew.members:
            scene.journal.crash(member.name, committed, seconds=lasting)
    scene.journal.note("outage", manner=manner, seconds=lasting)
    began = time.monotonic()
    begin, end = _WAYS[manner]
    begin(scene)
    told = None if manner is Manner.DELAYED else _wait_until_told(scene) - began
    scene.crew.rest(max(0.0, began + lasting - time.monotonic()))
    reason = _reason(scene)
    end(scene)
    back = time.monotonic()
    written = scene.writer.written
    scene.crew.wait(scene.crew.all_ready, _RECOVERY_S, "everybody is ready again")
    ready = time.monotonic() - back
    scene.crew.wait(lambda: len(scene.writer.confirmed) >= written, _RECOVERY_S, "the writer has caught up")
    scene.wait_until_committed()
    recovered = time.monotonic() - back
    scene.journal.note("recovered", ready=round(ready, 1), all_committed=round(recovered, 1), reason=reason)
    return Outage(manner, back - began, told, reason, ready, recovered)


def _wait_until_told(scene: Scene) -> float:
    scene.crew.wait(
        lambda: all("broker" in _why(member.status()) for member in scene.crew.members),
        _TOLD_S,
        "every worker says that it waits for the broker",
    )
    return time.monotonic()


def _reason(scene: Scene) -> str:
    return _why(scene.crew.members[0].status())


def _why(status: Mapping[str, object] | None) -> str:
    return "" if status is None else str(status["reason"] or "")


# -- how each begins, and how it ends

Do = Callable[[Scene], None]


def _kill(scene: Scene) -> None:
    scene.cluster.broker.kill()


def _restart(scene: Scene) -> None:
    scene.cluster.broker.restart()


def _signal(number: signal.Signals) -> Do:
    return lambda scene: os.kill(scene.cluster.broker.pid, number)


def _to_all(do: Callable[[Proxy], None]) -> Do:
    def do_to_all(scene: Scene) -> None:
        for way in scene.cluster.ways:
            do(way)

    return do_to_all


_heal = _to_all(Proxy.heal)
_WAYS: Mapping[Manner, tuple[Do, Do]] = {
    Manner.KILLED: (_kill, _restart),
    Manner.FROZEN: (_signal(signal.SIGSTOP), _signal(signal.SIGCONT)),
    Manner.CUT: (_to_all(Proxy.cut), _heal),
    Manner.REQUESTS_LOST: (_to_all(lambda way: way.drop(requests=True)), _heal),
    Manner.ANSWERS_LOST: (_to_all(lambda way: way.drop(answers=True)), _heal),
    Manner.DELAYED: (_to_all(lambda way: way.delay(_DELAY_SECONDS)), _heal),
}

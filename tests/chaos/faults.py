"""How each kind of fault is done to a victim that is frozen with uncommitted records in its hands."""

import os
import signal
from collections.abc import Callable, Mapping

from tests.broker.faults import Hold, Rule
from tests.broker.frames import ApiKey
from tests.broker.proxy import Proxy
from tests.chaos.deck import GUEST, Fault, Kind
from tests.chaos.member import Member
from tests.chaos.scene import Scene

_BURST = 20
_STOP_S = 40.0
_BACK_S = 60.0
_DELAY_SECONDS = 0.3
_DELAYED_FOR_SECONDS = 2.0
_SENT_S = 30.0
_COMMIT_SECONDS = 0.3

Strike = Callable[[Scene, Fault, Member], None]


class VictimGone(Exception):
    """The victim ended by itself before it was struck, for what earlier faults have done to it."""


def strike(scene: Scene, fault: Fault, victim: Member) -> None:
    """Do it, and undo what is to be undone; afterwards nobody is frozen, but one who is to be thawed later.

    Raises:
        VictimGone: it was not done.
    """
    scene.crew.restart_seconds = fault.restart_seconds
    _STRIKES[fault.kind](scene, fault, victim)


def _kill(scene: Scene, fault: Fault, victim: Member) -> None:
    """A coin decides whether at once, or a moment after it has sent a batch that never arrives."""
    if not fault.either:
        return _crash(scene, victim)
    with scene.cluster.ways[victim.place].hold(ApiKey.PRODUCE, count=1) as held:
        _wait_until_found(scene, victim, held)
        # Long enough to commit, for whoever would do that too early.
        scene.crew.rest(_COMMIT_SECONDS)
        _crash(scene, victim)
        held.drop()
    return None


def _crash(scene: Scene, victim: Member) -> None:
    scene.journal.crash(victim.name, scene.committed)
    victim.kill()


def _stop(scene: Scene, _fault: Fault, victim: Member) -> None:
    victim.terminate()
    scene.crew.wait(lambda: victim.exit_status is not None, _STOP_S, f"{victim.name} has stopped")


def _freeze(scene: Scene, fault: Fault, victim: Member) -> None:
    _goes_away(scene, victim, fault.seconds, frozen=True)
    if not fault.waits:
        scene.crew.later(fault.seconds, victim.thaw)
        return
    scene.crew.rest(fault.seconds)
    victim.thaw()
    _wait_for_zombie(scene, victim)


def _goes_away(scene: Scene, victim: Member, seconds: float, *, frozen: bool = False) -> None:
    scene.journal.crash(victim.name, scene.committed, seconds=seconds, frozen=frozen)
    victim.goes_away(seconds)


def _wait_for_zombie(scene: Scene, victim: Member) -> None:
    over = f"{victim.name}, a zombie, has ended or joined again"
    scene.crew.wait(lambda: victim.exit_status is not None or victim.ready, _BACK_S, over)


# -- the broker


def _kill_broker(scene: Scene, fault: Fault, victim: Member) -> None:
    scene.cluster.broker.kill()
    victim.thaw()
    scene.crew.rest(fault.seconds)
    scene.cluster.broker.restart()


def _freeze_broker(scene: Scene, fault: Fault, victim: Member) -> None:
    os.kill(scene.cluster.broker.pid, signal.SIGSTOP)
    victim.thaw()
    if fault.away:
        for member in scene.crew.members:
            _goes_away(scene, member, fault.seconds)
    scene.crew.rest(fault.seconds)
    os.kill(scene.cluster.broker.pid, signal.SIGCONT)


# -- the way to the broker


def _disturbed(scene: Scene, fault: Fault, victim: Member) -> list[Proxy]:
    """The ways that are to be disturbed; whoever is away for long is a zombie."""
    members = scene.crew.members if fault.everyone else [victim]
    if fault.away:
        for member in members:
            _goes_away(scene, member, fault.seconds)
    return [scene.cluster.ways[member.place] for member in members]


def _cut(scene: Scene, fault: Fault, victim: Member) -> None:
    ways = _disturbed(scene, fault, victim)
    for way in ways:
        way.cut()
    _let_pass(scene, victim, fault.seconds, ways)


def _lose(scene: Scene, fault: Fault, victim: Member) -> None:
    ways = _disturbed(scene, fault, victim)
    for way in ways:
        way.drop(requests=fault.either, answers=not fault.either)
    _let_pass(scene, victim, fault.seconds, ways)


def _delay(scene: Scene, fault: Fault, victim: Member) -> None:
    ways = _disturbed(scene, fault, victim)
    for way in ways:
        way.delay(_DELAY_SECONDS)
    _let_pass(scene, victim, _DELAYED_FOR_SECONDS, ways)


def _let_pass(scene: Scene, victim: Member, seconds: float, ways: list[Proxy]) -> None:
    victim.thaw()
    scene.crew.rest(seconds)
    for way in ways:
        way.heal()


def _swallow(scene: Scene, fault: Fault, victim: Member) -> None:
    assert fault.request is not None
    way = scene.cluster.ways[victim.place]
    swallowed = way.swallow_answers(fault.request, count=1, reset=fault.either)
    try:
        _wait_until_found(scene, victim, swallowed)
        scene.crew.rest(fault.seconds)
    finally:
        way.heal()


def _hold(scene: Scene, fault: Fault, victim: Member) -> None:
    """Delivered late: after the worker has another connection (a coin says so), or has only waited for long."""
    assert fault.request is not None
    way = scene.cluster.ways[victim.place]
    with way.hold(fault.request, count=1) as held:
        _wait_until_found(scene, victim, held)
        if fault.either:
            way.cut()
            way.heal()
        scene.crew.rest(fault.seconds)


def _wait_until_found(scene: Scene, victim: Member, rule: Rule) -> None:
    victim.thaw()

    def found() -> bool:
        if victim.exit_status is not None:  # whoever takes its place uses the same way
            raise VictimGone(victim.name)
        return bool(rule.requests)

    scene.crew.wait(found, _SENT_S, f"{victim.name} sends such a request")


# -- the rest


def _slow(_scene: Scene, _fault: Fault, victim: Member) -> None:
    victim.hang()
    victim.thaw()


def _poison(scene: Scene, _fault: Fault, victim: Member) -> None:
    scene.writer.poison(victim.partitions[0], _BURST)
    victim.thaw()


def arriving_guest(scene: Scene) -> Hold:
    """Let a guest come as far as to the door: it joins the group as soon as what is returned lets it."""
    held = scene.cluster.ways[GUEST].hold(ApiKey.JOIN_GROUP, count=1)
    scene.crew.want(GUEST, wanted=True)
    scene.crew.wait(lambda: bool(held.requests), _BACK_S, "a guest is about to join")
    return held


_STRIKES: Mapping[Kind, Strike] = {
    Kind.KILL: _kill,
    Kind.STOP: _stop,
    Kind.FREEZE: _freeze,
    Kind.KILL_BROKER: _kill_broker,
    Kind.FREEZE_BROKER: _freeze_broker,
    Kind.CUT: _cut,
    Kind.LOSE: _lose,
    Kind.DELAY: _delay,
    Kind.SWALLOW: _swallow,
    Kind.HOLD: _hold,
    Kind.SLOW: _slow,
    Kind.POISON: _poison,
}

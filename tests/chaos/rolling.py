"""Workers told to stop one after the other under load, each followed by a new one."""

from tests.chaos.deck import PLACES
from tests.chaos.scene import Scene

_STOP_S = 40.0


def roll(scene: Scene, restarts: int) -> None:
    """Restart so many workers, each in a moment in which it holds uncommitted records."""
    scene.crew.restart_seconds = 0.0
    for number in range(restarts):
        place = number % PLACES
        restart(scene, place)
        scene.journal.note(f"restarted {number + 1}", place=place)


def restart(scene: Scene, place: int) -> None:
    """Let the worker at *place* end, and wait for the next one to be ready."""
    caught = scene.catch(place, lambda member: member.place == place)
    caught.victim.terminate()
    stopped = f"{caught.victim.name} has stopped"
    scene.crew.wait(lambda: scene.crew.at(place) is not caught.victim, _STOP_S, stopped)
    scene.crew.wait_until_ready()

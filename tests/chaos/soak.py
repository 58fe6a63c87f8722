"""A steady rate for a long time, with a rebalance every minute, and two workers that are watched all the while."""

import time
from collections.abc import Mapping

from tests.chaos.deck import PLACES
from tests.chaos.rolling import restart
from tests.chaos.scene import Scene
from tests.chaos.vitals import Growth, Vitals, look_at

RESTART_SECONDS = 60.0
_LOOK_SECONDS = 5.0
# The workers in the other places stay and are watched.
_RESTARTED = PLACES - 1


def soak(scene: Scene, minutes: float) -> Mapping[str, Growth]:
    """Return how much the watched workers grew; the first third of the time is their warm-up."""
    watched = [member for member in scene.crew.members if member.place != _RESTARTED]
    looks: dict[str, list[Vitals]] = {member.name: [] for member in watched}
    began = restarted = time.monotonic()
    while (passed := (time.monotonic() - began) / 60) < minutes:
        for member in watched:
            if look := look_at(member, passed):
                looks[member.name].append(look)
        if time.monotonic() - restarted >= RESTART_SECONDS:
            restarted = time.monotonic()
            restart(scene, _RESTARTED)
            scene.journal.note("watched", minutes=round(passed, 1), **_last(looks))
        scene.crew.rest(_LOOK_SECONDS)
    return {name: Growth.of(seen, minutes / 3) for name, seen in looks.items()}


def _last(looks: Mapping[str, list[Vitals]]) -> dict[str, str]:
    return {
        name: f"{seen[-1].rss_mib:.1f}MiB/{seen[-1].descriptors}fds/{seen[-1].threads}threads/{seen[-1].tasks}tasks"
        for name, seen in looks.items()
        if seen
    }

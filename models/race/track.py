"""Where the cars of a race were at the end of each of the leader's laps, worked out from lap times and gaps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.race.race import Booleans, Floats, Integers

PIT = "PIT"


@dataclass(frozen=True, slots=True)
class Lap:
    """A car's row: `member` is its number among the participants, `lap` the leader's lap, `gap` as it is written."""

    member: int
    lap: int
    seconds: float
    gap: str


@dataclass(frozen=True, slots=True)
class Track:
    """All cars and laps, `[M, P]` each but the leader's times, as in `Race`."""

    lead: Floats
    running: Booleans
    crossed: Floats
    position: Integers
    gap: Floats
    pace: Floats
    stopped: Booleans
    down: Integers


def follow(laps: Sequence[Lap], count: int) -> Track:
    """Return the order on the track of *count* cars, for the laps 1 to the last.

    The gap of a lapped car is the time since the leader came by with as many laps as the car has now.
    """
    total = max(lap.lap for lap in laps)
    by_lap: list[dict[int, Lap]] = [{} for _ in range(total)]
    for lap in laps:
        # Who crosses the line twice in one of the leader's laps has two rows; the later one stands further down.
        by_lap[lap.lap - 1][lap.member] = lap
    cars = _Cars(total, count)
    for moment, rows in enumerate(by_lap):
        cars.move(moment, rows)
    return cars.track()


class _Cars:
    """Moves the cars on by a lap of the leader at a time."""

    def __init__(self, total: int, count: int) -> None:
        shape = (total, count)
        self._lead = np.zeros(total)
        self._crossed, self._gap, self._pace = (np.zeros(shape) for _ in range(3))
        self._position, self._down = (np.zeros(shape, np.int64) for _ in range(2))
        self._running, self._stopped = (np.zeros(shape, np.bool_) for _ in range(2))
        self._last = np.zeros(count)  # when each crossed the line last
        self._laps_down = np.zeros(count, np.int64)

    def move(self, moment: int, rows: dict[int, Lap]) -> None:
        before = float(self._lead[moment - 1]) if moment else 0.0
        self._lead[moment] = self._leader_at(before, rows)
        lap_seconds = self._lead[moment] - before
        for member, row in rows.items():
            self._cross(moment, member, row, lap_seconds)
        order = sorted(rows, key=lambda member: (self._laps_down[member], self._last[member]))
        for place, member in enumerate(order):
            self._position[moment, member] = place + 1
        first = order[0] if order else 0
        self._gap[moment, self._running[moment]] -= self._gap[moment, first]

    def _leader_at(self, before: float, rows: dict[int, Lap]) -> float:
        """Return when the leader ended the lap; a lap of which nobody's gap is known is as long as the quickest."""
        timed = [row for row in rows.values() if _is_seconds(row.gap)]
        if not timed:
            return before + min((row.seconds for row in rows.values()), default=1.0)
        first = min(timed, key=lambda row: float(row.gap))
        ended = float(self._last[first.member]) + first.seconds - float(first.gap)
        return max(ended, before + 1.0)

    def _cross(self, moment: int, member: int, row: Lap, lap_seconds: float) -> None:
        lead = self._lead[moment]
        if _is_seconds(row.gap):
            self._laps_down[member] = 0
            crossed = lead + float(row.gap)
        else:
            if row.gap != PIT:
                self._laps_down[member] = int(row.gap.split()[0])
            crossed = self._last[member] + row.seconds
        if self._laps_down[member] and not lead <= crossed <= lead + 2 * lap_seconds:
            # A row of it is missing: it came by some time in the lap of the leader that begins now.
            crossed = lead + (crossed - lead) % lap_seconds
        self._last[member] = crossed
        self._running[moment, member] = True
        self._stopped[moment, member] = row.gap == PIT
        self._crossed[moment, member] = crossed
        self._pace[moment, member] = row.seconds
        self._down[moment, member] = self._laps_down[member]
        self._gap[moment, member] = crossed - self._lead[max(moment - int(self._laps_down[member]), 0)]

    def track(self) -> Track:
        return Track(
            self._lead, self._running, self._crossed, self._position, self._gap, self._pace, self._stopped, self._down
        )


def _is_seconds(gap: str) -> bool:
    return gap.replace(".", "", 1).isdigit()

"""A race as it was seen: who took part, what was measured at each moment, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Race:
    """One race with P participants, seen at M moments.

    A moment is a furlong (200 m) or lap of whoever leads. What is measured of participants that are out of the race by
    then, or that were not seen, is 0 there, and `running` says so.

    Attributes:
        name: unique among the races of a source.
        source: `simulator` or `laps`, for people.
        members: P names.
        prior: `[P]`, the order before the start (by the market, or on the grid), from 1.
        places: `[P]`, the order at the end, from 1; those who did not get there come last.
        finished: `[P]`, whether a participant got to the end (was classified, as motor sport has it).
        moments: `[M]`, the number of each moment, growing.
        elapsed: `[M]`, seconds from the start until the moment was known of everybody, growing.
        share: `[M]`, how much of the distance the leader has done, above 0 and up to 1.
        running: `[M, P]`, whether a participant was seen at a moment.
        position: `[M, P]`, from 1.
        gap: `[M, P]`, seconds behind the leader.
        pace: `[M, P]`, seconds for the furlong or lap up to the moment.
        stopped: `[M, P]`, whether that one included a stop.
        down: `[M, P]`, whole laps behind the leader.
        total: moments that the distance of the race has.
        par: seconds that a moment usually takes here; None where nobody can say before the start.
        known: `[P]` each, by name: what was known of the participants before the start; see `features.KNOWN`.
    """

    name: str
    source: str
    members: tuple[str, ...]
    prior: Integers
    places: Integers
    finished: Booleans
    moments: Integers
    elapsed: Floats
    share: Floats
    running: Booleans
    position: Integers
    gap: Floats
    pace: Floats
    stopped: Booleans
    down: Integers
    total: int
    par: float | None = None
    known: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = (len(self.moments), len(self.members))
        for name in ("running", "position", "gap", "pace", "stopped", "down"):
            if (found := getattr(self, name).shape) != shape:
                raise ValueError(f"{self.name}: {name} has the shape {list(found)} where {list(shape)} is needed")

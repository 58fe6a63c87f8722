"""What a run consists of."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.deck import Guarantee, Kind


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of what.

    Attributes:
        seed: what everything random follows from.
        guarantees: under which the parts are run.
        faults: how many at least; 0 leaves them out.
        records: how many at least while there are faults.
        rolling: how many restarts one after the other; 0 leaves them out.
        outage_seconds: how long the broker is away each time; 0 leaves that out.
        soak_minutes: how long at a steady rate; 0 leaves it out.
        soak_guarantees: under which.
        rate: records a second.
        only: kinds of faults; none: all.
    """

    seed: int
    guarantees: Sequence[Guarantee]
    faults: int
    records: int
    rolling: int
    outage_seconds: float
    soak_minutes: float
    soak_guarantees: Sequence[Guarantee]
    rate: float
    only: Sequence[Kind]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.faults or self.rolling or self.outage_seconds or self.soak_minutes)

"""What a part of a run came to."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.campaign import Tally
from tests.chaos.crew import Crew, Surprise
from tests.chaos.deck import Guarantee, Kind
from tests.chaos.opinion import Opinion
from tests.chaos.outages import Outage
from tests.chaos.reading import read
from tests.chaos.scene import Scene
from tests.chaos.verdict import Copy, Verdict, judge
from tests.chaos.vitals import Growth
from tests.chaos.writer import Sort


class Unjudged(Exception):
    """Nothing can be said, because of something that is not the service's fault."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Who took part.

    Attributes:
        starts: processes that were started.
        tensorflow: how many of them with TensorFlow.
        clean_stops: how many ended with 0 when asked to.
        surprises: those that ended otherwise than they may.
    """

    starts: int
    tensorflow: int
    clean_stops: int
    surprises: Sequence[Surprise]

    @classmethod
    def of(cls, crew: Crew) -> "Workers":
        """Those of *crew*."""
        return cls(len(crew.everybody), crew.tensorflow_starts, crew.clean_stops, tuple(crew.surprises))


@dataclass(slots=True)
class Outcome:
    """One part under one guarantee.

    Attributes:
        part: `faults`, `rolling`, `outages` or `soak`.
        seconds: how long it took.
        sorts: how many records of each sort there were.
        verdict: what became of them.
        copies: all outputs and dead letters.
        misplaced: good records among the dead letters, malformed ones among the rankings.
        mixed_up: answers with another record's key, id or value.
        audited: what the audit says of the same.
        tallies: of the faults, by kind.
        growth: of the workers that were watched, by name.
        restarts: how many workers were told to stop one after the other.
        outages: those of the broker that everybody passed through.
    """

    part: str
    guarantee: Guarantee
    seconds: float
    sorts: Counter[Sort]
    verdict: Verdict
    copies: Sequence[Copy]
    misplaced: Sequence[Copy]
    mixed_up: Sequence[Copy]
    audited: Opinion
    workers: Workers
    tallies: Mapping[Kind, Tally] = field(default_factory=dict)
    growth: Mapping[str, Growth] = field(default_factory=dict)
    restarts: int = 0
    outages: Sequence[Outage] = ()


def settle(scene: Scene, part: str, guarantee: Guarantee, **details: Any) -> Outcome:
    """End a part: let everything be done with, stop the workers, read the topics, judge.

    Raises:
        Unjudged: the input is not what the broker confirmed to the writer.
    """
    scene.finish()
    found = read(scene.topics)
    if found.inputs != scene.writer.confirmed or scene.writer.failures:
        raise Unjudged(
            f"the input has {len(found.inputs)} records, the broker had confirmed {len(scene.writer.confirmed)} and "
            f"refused {len(scene.writer.failures)}"
        )
    verdict = judge(found.inputs, found.copies, scene.journal.crashes)
    return Outcome(
        part,
        guarantee,
        scene.seconds,
        scene.writer.sorts,
        verdict,
        found.copies,
        found.misplaced,
        found.mixed_up,
        Opinion.of_the_audit(scene.topics),
        Workers.of(scene.crew),
        **details,
    )

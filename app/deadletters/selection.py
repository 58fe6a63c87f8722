"""Which letters are meant."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.deadletters.letter import Letter, Verdict
from app.deadletters.place import Place
from app.kafka.reader import Span


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions that a letter must all meet; an empty one lets every letter through.

    Attributes:
        reasons, stages, source_topics, source_partitions, source_offsets, places: the letter's is one of these.
        since: refused then or later, in milliseconds since the epoch.
        until: refused before that.
        spelled: the same conditions as somebody wrote them.
    """

    reasons: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    source_topics: frozenset[str] = frozenset()
    source_partitions: frozenset[int] = frozenset()
    source_offsets: frozenset[int] = frozenset()
    places: frozenset[Place] = frozenset()
    since: int | None = None
    until: int | None = None
    spelled: tuple[str, ...] = field(default=(), compare=False)

    def takes(self, letter: Letter) -> bool:
        """Whether *letter* is meant."""
        return (
            (not self.places or letter.place in self.places)
            and self._is_in_time(letter.timestamp)
            and self._takes_verdict(letter.verdict)
        )

    def asks_for(self, letter: Letter) -> bool:
        """Whether *letter* is meant by its very reason or place, and not among others."""
        return letter.place in self.places or (letter.verdict is not None and letter.verdict.reason in self.reasons)

    def narrow(self, spans: Mapping[int, Span]) -> dict[int, Span]:
        """Return as much of *spans* as has to be read."""
        if not self.places:
            return dict(spans)
        narrowed: dict[int, Span] = {}
        for partition, span in spans.items():
            if offsets := [place.offset for place in self.places if place.partition == partition]:
                narrowed[partition] = Span(max(span.start, min(offsets)), min(span.end, max(offsets) + 1))
        return narrowed

    def digest(self, *more: str) -> str | None:
        """Return eight characters for the conditions as they are spelled, and *more*; None where there are none."""
        conditions = sorted({*self.spelled, *more})
        return hashlib.sha256(json.dumps(conditions).encode()).hexdigest()[:8] if conditions else None

    def _is_in_time(self, timestamp: int | None) -> bool:
        if timestamp is None:
            return self.since is None and self.until is None
        return (self.since is None or timestamp >= self.since) and (self.until is None or timestamp < self.until)

    def _takes_verdict(self, verdict: Verdict | None) -> bool:
        wanted = (self.reasons, self.stages, self.source_topics, self.source_partitions, self.source_offsets)
        if verdict is None:
            return not any(wanted)
        found = (
            verdict.reason,
            verdict.stage,
            verdict.source_topic,
            verdict.source_partition,
            verdict.source_offset,
        )
        return all(not some or one in some for some, one in zip(wanted, found, strict=True))

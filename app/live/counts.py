"""What the metrics have counted so far, and what became of that in the last seconds."""

import time
from collections import deque
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from app.live.message import Latency, Rates

# Long enough for a p99 of a quiet stream, short enough to be about now.
LATENCY_SECONDS = 10.0
RATE_SECONDS = 2.0
_LEAST_SECONDS = 0.2

_CONSUMED = "streamrank_records_consumed_total"
_OUTCOMES = "streamrank_records_total"
_LETTERS = "streamrank_dead_letters_total"
_LATENCY = "streamrank_end_to_end_seconds_bucket"


@dataclass(frozen=True, slots=True)
class Counts:
    """The counters at one moment.

    Attributes:
        at: on the monotonic clock, in seconds.
        consumed: records.
        outcomes: records, by outcome.
        letters: dead letters, by stage and reason; only of those that there are.
        latency: upper bounds in seconds, and how many records took no longer than that.
    """

    at: float
    consumed: int
    outcomes: dict[str, int]
    letters: dict[tuple[str, str], int]
    latency: list[tuple[float, int]]


def read(registry: CollectorRegistry) -> Counts:
    """Return what the service's metrics in *registry* say now."""
    counts = Counts(time.monotonic(), 0, {}, {}, [])
    consumed = 0
    for family in registry.restricted_registry([_CONSUMED, _OUTCOMES, _LETTERS, _LATENCY]).collect():
        for name, labels, value, *_ in family.samples:
            if name == _CONSUMED:
                consumed += int(value)
            elif name == _OUTCOMES:
                counts.outcomes[labels["outcome"]] = int(value)
            elif name == _LATENCY:
                counts.latency.append((float(labels["le"]), int(value)))
            elif value:
                counts.letters[labels["stage"], labels["reason"]] = int(value)
    return Counts(counts.at, consumed, counts.outcomes, counts.letters, counts.latency)


class Window:
    """Remembers counts for `LATENCY_SECONDS`, and the last but one for longer, so that two of them can be compared.

    It has buckets to go by, not records: a quantile lies in the right bucket, and within that where it would be if its
    records were spread evenly. That is as exact as a query to Prometheus over the same seconds.
    """

    def __init__(self) -> None:
        self._counts: deque[Counts] = deque()

    def note(self, counts: Counts) -> None:
        """Take in the newest."""
        while len(self._counts) > 1 and counts.at - self._counts[0].at > LATENCY_SECONDS:
            self._counts.popleft()
        self._counts.append(counts)

    @property
    def rates(self) -> Rates | None:
        """Over the last 2 s, or since the look before if that is longer; None while there is too little to compare."""
        *earlier, now = self._counts
        if not earlier:
            return None
        before = next((each for each in earlier if now.at - each.at <= RATE_SECONDS), earlier[-1])
        seconds = now.at - before.at
        if seconds < _LEAST_SECONDS:
            return None

        def rate(outcome: str) -> float:
            return (now.outcomes.get(outcome, 0) - before.outcomes.get(outcome, 0)) / seconds

        consumed = (now.consumed - before.consumed) / seconds
        return Rates(consumed, rate("published"), rate("dead_lettered"), rate("expired"))

    @property
    def latency(self) -> Latency | None:
        """Over the last 10 s, or since the look before if that is longer; None when no record came through."""
        before = dict(self._counts[0].latency)
        passed = [(bound, count - before.get(bound, 0)) for bound, count in self._counts[-1].latency]
        records = passed[-1][1] if passed else 0
        if not records:
            return None
        return Latency(quantile(passed, 0.5), quantile(passed, 0.99), records)


def quantile(cumulated: list[tuple[float, int]], share: float) -> float:
    """Return where *share* of what a histogram has counted lies below; beyond its last bound, that bound.

    Args:
        cumulated: upper bounds, ascending, the last of them infinite, and how much is not above each.
        share: from 0 to 1.
    """
    wanted = share * cumulated[-1][1]
    lower, below = 0.0, 0
    for bound, count in cumulated:
        if count >= wanted and count > below:
            return lower if bound == float("inf") else lower + (bound - lower) * (wanted - below) / (count - below)
        lower, below = bound, count
    return lower

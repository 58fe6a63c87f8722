"""What went into the input topic, what came out of the others, and how long it took."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_RECENT = 1000  # records that the figures shown while it runs are taken from
_LATEST = 5  # predictions shown while it runs


@dataclass(frozen=True, slots=True)
class Prediction:
    """One prediction as it came out.

    Attributes:
        number: which record, from 0.
        truth: the label it should have.
        ranking: labels and scores, best first.
    """

    number: int
    truth: str
    ranking: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class View:
    """The tally at one moment, for the screen.

    Attributes:
        total: records to be sent in all.
        sent: records sent so far.
        answered: records of which a prediction or a dead letter was read.
        dead_letters: how many of these were dead letters.
        rate: records answered per second, lately.
        p50, p99: latency in milliseconds, lately; 0 before the first.
        latest: the last predictions, newest first.
    """

    total: int
    sent: int
    answered: int
    dead_letters: int
    rate: float
    p50: float
    p99: float
    latest: tuple[Prediction, ...]

    @property
    def waiting(self) -> int:
        """Records sent and not answered yet."""
        return self.sent - self.answered


class Tally:
    """Counts records by their number; all times are seconds of one clock.

    Args:
        truths: the label that each record should get; record `n` is `truths[n % len(truths)]`.
        total: records to be sent in all.
    """

    def __init__(self, truths: Sequence[str], total: int) -> None:
        self.total = total
        self.repeated = 0
        self.dead_letters = 0
        self.labels: dict[int, str] = {}
        self._truths = truths
        self._due: list[float] = []
        self._latencies: list[float] = []
        self._last_read = 0.0
        self._latest: deque[Prediction] = deque(maxlen=_LATEST)
        self._pace: deque[tuple[float, int]] = deque(maxlen=20)

    def sent(self, due: float) -> None:
        """Note that the next record was sent; *due* is when it should have been, however late we were."""
        self._due.append(due)

    def predicted(self, number: int, ranking: tuple[tuple[str, float], ...], now: float) -> None:
        """Note that a prediction of record *number* was read; *ranking* holds labels and scores, best first.

        A negative number is one of an earlier tally, which had been answered already.
        """
        if number in self.labels or number < 0:
            self.repeated += 1
            return
        self.labels[number] = ranking[0][0] if ranking else ""
        self._latencies.append(now - self._due[number])
        self._latest.appendleft(Prediction(number, self._truth(number), ranking))
        self._last_read = now

    def dead_lettered(self, now: float) -> None:
        """Note that a dead letter was read."""
        self.dead_letters += 1
        self._last_read = now

    @property
    def answered(self) -> int:
        """Records of which a prediction or a dead letter was read."""
        return len(self.labels) + self.dead_letters

    @property
    def correct(self) -> int:
        """Predictions that are true."""
        return sum(label == self._truth(number) for number, label in self.labels.items())

    @property
    def records_a_second(self) -> float:
        """Records answered per second, from when the first was due until the last was read."""
        seconds = self._last_read - self._due[0] if self._due else 0.0
        return self.answered / seconds if seconds > 0 else 0.0

    def latency_ms(self, *percentiles: float, last: int = 0) -> tuple[float, ...]:
        """Latency of the *last* predictions (0: all) in milliseconds, from when a record was due until it was read."""
        latencies = self._latencies[-last:]
        if not latencies:
            return (0.0,) * len(percentiles)
        return tuple(float(value) * 1000 for value in np.percentile(latencies, percentiles))

    def view(self, now: float) -> View:
        """Return what the screen shows now."""
        self._pace.append((now, self.answered))
        (since, before), (until, after) = self._pace[0], self._pace[-1]
        p50, p99 = self.latency_ms(50, 99, last=_RECENT)
        return View(
            total=self.total,
            sent=len(self._due),
            answered=self.answered,
            dead_letters=self.dead_letters,
            rate=(after - before) / (until - since) if until > since else 0.0,
            p50=p50,
            p99=p99,
            latest=tuple(self._latest),
        )

    def _truth(self, number: int) -> str:
        return self._truths[number % len(self._truths)]

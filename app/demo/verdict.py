"""The demo's verdict: does what came out of the topic agree with the model itself?"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.demo.tally import Tally


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured, side by side with the model run directly.

    Attributes:
        total: records sent.
        predictions: records of which a prediction was read.
        repeated: predictions beyond the first of a record.
        dead_letters: dead letters read.
        correct: records whose prediction is true.
        direct_correct: records that the model itself, run by Keras, gets right.
        differing: records whose prediction is not the one that Keras gives.
        records_a_second: from when the first record was due until the last prediction was read.
        p50, p99: latency in milliseconds from when a record was due until its prediction was read.
    """

    total: int
    predictions: int
    repeated: int
    dead_letters: int
    correct: int
    direct_correct: int
    differing: int
    records_a_second: float
    p50: float
    p99: float

    @property
    def faults(self) -> list[str]:
        """What is wrong, one sentence each; empty when all is well."""
        found = {
            f"{self.total - self.predictions:,} records have no prediction": self.predictions != self.total,
            f"{self.repeated:,} predictions came more than once": self.repeated,
            f"{self.dead_letters:,} records were refused": self.dead_letters,
            f"{self.differing:,} predictions are not those of the model run directly with Keras": self.differing,
            "the accuracy is not that of the model run directly with Keras": self.correct != self.direct_correct,
        }
        return [sentence for sentence, applies in found.items() if applies]

    @property
    def lines(self) -> list[str]:
        """The summary for people."""
        same = "the same as" if self.correct == self.direct_correct else "NOT the same as"
        direct = f"{self.direct_correct / self.total:.2%} of the model run directly with Keras"
        return [
            f"records in         {self.total:>10,}",
            f"predictions out    {self.predictions:>10,}",
            f"dead letters       {self.dead_letters:>10,}",
            f"records a second   {self.records_a_second:>10,.0f}",
            f"latency, p50       {self.p50:>10,.1f} ms   from when a record was due until its prediction was read",
            f"latency, p99       {self.p99:>10,.1f} ms",
            f"accuracy           {self.correct / self.total:>10.2%}      {same} the {direct}",
        ]


def judge(tally: Tally, *, truths: Sequence[str], direct: Sequence[str]) -> Verdict:
    """Compare *tally* with what the model says by itself.

    Args:
        tally: all that was sent and read.
        truths: the label that is right; record `n` is `truths[n % len(truths)]`.
        direct: the label that the model run directly gives, likewise.
    """
    expected = {number: direct[number % len(direct)] for number in range(tally.total)}
    p50, p99 = tally.latency_ms(50, 99)
    return Verdict(
        total=tally.total,
        predictions=len(tally.labels),
        repeated=tally.repeated,
        dead_letters=tally.dead_letters,
        correct=tally.correct,
        direct_correct=sum(label == truths[number % len(truths)] for number, label in expected.items()),
        differing=sum(tally.labels.get(number, label) != label for number, label in expected.items()),
        records_a_second=tally.records_a_second,
        p50=p50,
        p99=p99,
    )

"""The demo's verdict: was all that was sent answered, once, and how right were the rankings?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.demo.meeting import Meeting
from app.demo.tally import Tally
from app.train.table import table
from models.race.race import Booleans, Race
from models.race.source import Strengths
from models.race.study import Row, beside


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said in the end.

    Attributes:
        lines: tables and figures, for people.
        faults: what is wrong, one sentence each; empty when all is well.
    """

    lines: Sequence[str]
    faults: Sequence[str]


def judge(meeting: Meeting, best: tuple[Strengths, Strengths] | None = None) -> Verdict:
    """Compare the rankings that were published with how the races ended.

    Args:
        meeting: all that was sent and read.
        best: strengths for order and winner of whoever knows all that is hidden, `[M, P]` for each race.
    """
    compared = rows(meeting, best)
    return Verdict([*(table(compared) if compared else ()), "", *_figures(meeting)], _faults(meeting))


def rows(meeting: Meeting, best: tuple[Strengths, Strengths] | None = None) -> list[Row]:
    """Return how well each way foretold, all over the moments that have a ranking of their own; none without any."""
    given = [meeting.published.strengths(index) for index in range(len(meeting.programme.races))]
    races = [_seen(race, shown) for race, (_, shown) in zip(meeting.programme.races, given, strict=True)]
    # Without any ranking there is no mean.
    if not any(race.running.any() for race in races):
        return []
    return beside("published", races, [each for each, _ in given], best)


def _seen(race: Race, shown: Booleans) -> Race:
    return replace(race, running=race.running & shown)


def _figures(meeting: Meeting) -> list[str]:
    tally = meeting.tally
    p50, p99 = tally.latency_ms(50, 99)
    return [
        f"records in         {tally.total:>10,}   of {len(meeting.programme.races):,} races",
        f"rankings out       {tally.rankings:>10,}",
        f"superseded         {tally.superseded:>10,}   by newer ones of the same horse or driver, while they waited",
        f"races ended        {tally.tombstones:>10,}",
        f"dead letters       {tally.dead_letters:>10,}",
        f"records a second   {tally.records_a_second:>10,.0f}",
        f"latency, p50       {p50:>10,.1f} ms   from when a record was due until its ranking was read",
        f"latency, p99       {p99:>10,.1f} ms",
    ]


def _faults(meeting: Meeting) -> list[str]:
    tally: Tally = meeting.tally
    found = {
        f"{tally.missing:,} records have no answer": tally.missing,
        f"{tally.repeated:,} records were answered once more": tally.repeated,
        f"{tally.foreign:,} answers are of records that were not sent, or name the wrong one": tally.foreign,
        f"{tally.dead_letters:,} records were refused": tally.dead_letters,
        f"{tally.unended:,} ends of races did not come out as such": tally.unended,
        f"{meeting.published.incomplete:,} rankings lack members, or have some too many": meeting.published.incomplete,
    }
    return [sentence for sentence, count in found.items() if count]

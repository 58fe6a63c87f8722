"""When each record of races that run side by side is due."""

import heapq
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from models.race.race import Race
from models.race.records import records


@dataclass(frozen=True, slots=True)
class Due:
    """A record to be sent.

    Attributes:
        at: seconds of the races' own time since the first one began.
        number: from 0, in the order of sending.
        race: index of the race.
        moment: index of the moment; that of the last one for a tombstone, too.
        member: whom it is about; None: the race has ended.
        key: the race's name.
        value: a JSON object; None for a tombstone.
    """

    at: float
    number: int
    race: int
    moment: int
    member: str | None
    key: bytes
    value: bytes | None

    @property
    def ends_race(self) -> bool:
        """Whether it is a tombstone."""
        return self.value is None


def schedule(races: Sequence[Race], *, lanes: int, first_id: int = 0) -> list[Due]:
    """Return the records of all *races*, and a tombstone behind each, in the order in which they are due.

    Args:
        races: in the order in which they begin.
        lanes: how many run side by side; the next begins when one has ended.
        first_id: `id` of the first record; a record's `id` less this is its number.
    """
    starts = _starts([_length(race) for race in races], lanes)
    wanted = sorted(
        (
            (start + at, index, moment, record)
            for index, (race, start) in enumerate(zip(races, starts, strict=True))
            for at, moment, record in _of(race)
        ),
        key=lambda one: one[:2],  # a stable sort: the records of a race stay in their order
    )
    return [
        _due(at, number, races, index=index, moment=moment, record=record, first_id=first_id)
        for number, (at, index, moment, record) in enumerate(wanted)
    ]


def _starts(lengths: Sequence[float], lanes: int) -> list[float]:
    """Return when each race begins; the first ones not together, or all of them would be over together."""
    apart = median(lengths) / lanes
    free = [lane * apart for lane in range(lanes)]
    starts = []
    for length in lengths:
        starts.append(start := heapq.heappop(free))
        heapq.heappush(free, start + length)
    return starts


def _length(race: Race) -> float:
    """Return seconds from the start until the first has finished, as far as the last moment tells."""
    return float(race.elapsed[-1] / race.share[-1])


def _of(race: Race) -> Iterator[tuple[float, int, dict[str, str | int | float] | None]]:
    indices = {int(number): index for index, number in enumerate(race.moments)}
    for record in records(race):
        yield float(record["elapsed"]), indices[int(record["moment"])], record
    yield _length(race), len(race.moments) - 1, None


def _due(
    at: float,
    number: int,
    races: Sequence[Race],
    *,
    index: int,
    moment: int,
    record: dict[str, str | int | float] | None,
    first_id: int,
) -> Due:
    key = races[index].name.encode()
    if record is None:
        return Due(at, number, index, moment, None, key, None)
    value = json.dumps({"id": first_id + number, **record}).encode()
    return Due(at, number, index, moment, str(record["member"]), key, value)

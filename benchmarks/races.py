"""Records of simulated races that run side by side for ever, for rankings across records."""

import json
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

from app.train.cache import cached_race_model
from benchmarks.cluster import PARTITIONS
from benchmarks.errors import BenchmarkFailed
from models.race.records import records
from models.race.simulator import simulate

RACES = 64
"""How many run side by side, each in a group of its own; about 700 horses."""
VARIABLES = {"RANK_BY": "standings", "STANDINGS_ORDER_FIELD": "moment", "RANK_TOP_K": "0"}
"""How they are ranked."""
_SEED = 20_251_126
_MOMENTS = 1000  # more than a race has


def model() -> Path:
    """Return the model of the demo, trained on other races; that takes half a minute the first time.

    Raises:
        BenchmarkFailed: it could not be trained.
    """
    from app.errors import StreamRankError

    try:
        return cached_race_model(on_progress=lambda _part, _words: None)
    except StreamRankError as error:
        raise BenchmarkFailed(str(error)) from error


class RaceRecords:
    """Makes records by their number. When all races are over they begin again, with moments that go on growing.

    Args:
        turn: how often the races were run before the first record.
    """

    def __init__(self, turn: int = 0) -> None:
        self._turn = turn
        races = [one.race for one in simulate(RACES, _SEED)]
        seen = sorted((each for race in races for each in records(race)), key=lambda each: each["elapsed"])
        self._groups = [str(each["group"]).encode() for each in seen]
        self._partitions = [crc32(group) % PARTITIONS for group in self._groups]
        self._until_next = _distances(self._groups)
        self._moments = [int(each["moment"]) for each in seen]
        self._rest = [json.dumps({name: each[name] for name in each if name != "moment"})[1:].encode() for each in seen]

    def value(self, number: int) -> bytes:
        """The JSON of record *number*."""
        turn, place = divmod(number, len(self._rest))
        moment = (self._turn + turn) * _MOMENTS + self._moments[place]
        return b'{"id": "r%d", "moment": %d, %b' % (number, moment, self._rest[place])

    def key(self, number: int) -> bytes:
        """The record's key: its race."""
        return self._groups[number % len(self._groups)]

    def partition(self, number: int) -> int:
        """Where it goes: the records of a race go to one partition."""
        return self._partitions[number % len(self._partitions)]

    def until_next(self, number: int) -> int:
        """How many records later the next one of the same race comes."""
        return self._until_next[number % len(self._until_next)]


def _distances(groups: Sequence[bytes]) -> list[int]:
    """How far it is from each place to the next with the same group, around the end."""
    distances = [0] * len(groups)
    following: dict[bytes, int] = {}
    for place in reversed(range(2 * len(groups))):
        group = groups[place % len(groups)]
        distances[place % len(groups)] = following.get(group, place) - place
        following[group] = place
    return distances

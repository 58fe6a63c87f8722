"""What became of letters that were to be replayed."""

from collections import defaultdict
from collections.abc import Iterator

from app.deadletters.place import Place

_SHOWN = 5


class Tally:
    """Counts them.

    Attributes:
        written: those that were replayed.
        passed_over: those that do not match.
        tombstones: those that match and have no value, and were not asked for.
    """

    def __init__(self) -> None:
        self.written = 0
        self.passed_over = 0
        self.tombstones = 0
        self._refused: dict[str, list[Place]] = defaultdict(list)
        self._by_topic: dict[str, list[Place]] = defaultdict(list)

    @property
    def refused(self) -> int:
        """How many match and cannot be replayed."""
        return sum(map(len, [*self._refused.values(), *self._by_topic.values()]))

    @property
    def seen(self) -> int:
        """How many there were in all."""
        return self.written + self.passed_over + self.tombstones + self.refused

    def refuse(self, place: Place, why: str) -> None:
        """Count one that cannot be replayed."""
        self._refused[why].append(place)

    def refuse_for_now(self, place: Place, why: str) -> None:
        """Count one that can be replayed when something else is mended; the progress has passed it."""
        self._by_topic[why].append(place)

    def lines(self) -> Iterator[str]:
        """Yield a line for each thing to know besides how many were written."""
        if self.passed_over:
            yield f"{_letters(self.passed_over)} passed over: no match"
        if self.tombstones:
            yield f"{_letters(self.tombstones)} passed over: tombstones; ask for them with --reason empty or --place"
        for why, places in self._refused.items():
            more = f" and {len(places) - _SHOWN:,} more" if len(places) > _SHOWN else ""
            yield f"{_letters(len(places))} not replayed: {why} ({', '.join(map(str, places[:_SHOWN]))}{more})"
        for why, places in self._by_topic.items():
            again = " ".join(f"--place {place}" for place in places)
            yield f"{_letters(len(places))} not replayed: {why}; once that is mended, replay them with {again}"


def _letters(count: int) -> str:
    return f"{count:,} letter" if count == 1 else f"{count:,} letters"

"""How many letters there are, by what they have in common."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping

from app import moment
from app.deadletters.letter import Letter
from app.deadletters.text import printable

_NOBODYS = "-"


class _Count:
    """How many, and when the first and the last of them were refused."""

    def __init__(self) -> None:
        self.letters = 0
        self.oldest: int | None = None
        self.newest: int | None = None

    def add(self, timestamp: int | None) -> None:
        self.letters += 1
        if timestamp is not None:
            self.oldest = timestamp if self.oldest is None else min(self.oldest, timestamp)
            self.newest = timestamp if self.newest is None else max(self.newest, timestamp)


class Summary:
    """Counts letters by reason, by stage and by the partition that they came from."""

    def __init__(self) -> None:
        self.letters = 0
        self._counts: dict[str, defaultdict[str, _Count]] = {
            kind: defaultdict(_Count) for kind in ("reason", "stage", "source")
        }

    def add(self, letter: Letter) -> None:
        """Count one more."""
        self.letters += 1
        verdict = letter.verdict
        source = _NOBODYS if verdict is None else f"{verdict.source_topic}[{verdict.source_partition}]"
        names = {
            "reason": _NOBODYS if verdict is None else verdict.reason,
            "stage": _NOBODYS if verdict is None else verdict.stage,
            "source": source,
        }
        for kind, name in names.items():
            self._counts[kind][name].add(letter.timestamp)

    def lines(self, now_ms: int) -> Iterator[str]:
        """Yield three tables, the most frequent first."""
        for kind, counts in self._counts.items():
            yield f"{kind.upper():<32}  {'LETTERS':>10}  {'OLDEST':>6}  {'NEWEST':>6}"
            for name, count in _by_frequency(counts):
                oldest, newest = _age(count.oldest, now_ms), _age(count.newest, now_ms)
                yield f"{printable(name):<32}  {count.letters:>10,}  {oldest:>6}  {newest:>6}"

    def json_lines(self) -> Iterator[str]:
        """Yield their rows as JSON objects."""
        for kind, counts in self._counts.items():
            for name, count in _by_frequency(counts):
                times = {"oldest": _time(count.oldest), "newest": _time(count.newest)}
                yield json.dumps({kind: name, "letters": count.letters, **times})


def _by_frequency(counts: Mapping[str, _Count]) -> list[tuple[str, _Count]]:
    return sorted(counts.items(), key=lambda row: (-row[1].letters, row[0]))


def _age(timestamp: int | None, now_ms: int) -> str:
    return "?" if timestamp is None else moment.age(timestamp, now_ms)


def _time(timestamp: int | None) -> str | None:
    return None if timestamp is None else moment.written(timestamp)

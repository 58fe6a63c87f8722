"""The options that say which letters are meant."""

import argparse
import time
from typing import Any, NamedTuple

from app import moment
from app.argument import natural, reading
from app.deadletters.place import Place
from app.deadletters.selection import Selection
from app.errors import Reason, Stage

_NAMES = ("reason", "stage", "since", "until", "source_topic", "source_partition", "source_offset", "place")


class _Moment(NamedTuple):
    """A point in time, in milliseconds since the epoch, and how it was spelled."""

    ms: int
    text: str

    def __str__(self) -> str:
        return self.text


def filters() -> argparse.ArgumentParser:
    """Return a parser to be another one's parent."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group(
        "filters", "All of them must match; of one that is given several times, any. Times are those of the refusal."
    )

    def several(option: str, **how: Any) -> None:
        group.add_argument(option, action="append", default=[], **how)

    several("--reason", choices=[str(each) for each in Reason], metavar="REASON", help="such as wrong_shape")
    several("--stage", choices=[str(each) for each in Stage], metavar="STAGE", help=", ".join(Stage))
    when: dict[str, Any] = {"type": reading(_moment), "metavar": "TIME"}
    group.add_argument("--since", help="2026-11-22T15:00:00Z, or an age such as 90s, 15m, 2h, 3d", **when)
    group.add_argument("--until", help="the same; before that", **when)
    several("--source-topic", metavar="TOPIC", help="the topic that the record came from")
    several("--source-partition", type=natural, metavar="N", help="its partition there")
    several("--source-offset", type=natural, metavar="N", help="its offset there")
    several("--place", type=reading(Place.read), metavar="PARTITION@OFFSET", help="the letter at this place")
    return parser


def selection(given: argparse.Namespace) -> Selection:
    """Return what the options of `filters` select."""
    return Selection(
        reasons=frozenset(given.reason),
        stages=frozenset(given.stage),
        source_topics=frozenset(given.source_topic),
        source_partitions=frozenset(given.source_partition),
        source_offsets=frozenset(given.source_offset),
        places=frozenset(given.place),
        since=None if given.since is None else given.since.ms,
        until=None if given.until is None else given.until.ms,
        spelled=tuple(f"{name}={value}" for name in _NAMES for value in _values(getattr(given, name))),
    )


def _moment(text: str) -> _Moment:
    return _Moment(moment.read(text, time.time_ns() // 1_000_000), text)


def _values(given: Any) -> list[Any]:
    if given is None:
        return []
    return given if isinstance(given, list) else [given]

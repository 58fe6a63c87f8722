"""What a process takes of the machine, and whether it takes ever more."""

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from statistics import linear_regression, median

from tests.chaos.member import Member

# Below this a median says nothing.
_ENOUGH_LOOKS = 5
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


@dataclass(frozen=True, slots=True)
class Vitals:
    """One look at a worker.

    Attributes:
        minutes: since the watch began.
        rss_mib: memory held resident.
        descriptors: open files and sockets.
        threads: of the process.
        tasks: of its event loop.
        partitions: how many it had; each takes a connection and tasks.
    """

    minutes: float
    rss_mib: float
    descriptors: int
    threads: int
    tasks: int
    partitions: int


def look_at(member: Member, minutes: float) -> Vitals | None:
    """Look now; None when the worker does not answer."""
    if (status := member.status()) is None:
        return None
    process = Path(f"/proc/{member.child.pid}")
    return Vitals(
        minutes,
        int((process / "statm").read_text().split()[1]) * _PAGE_MIB,
        len(os.listdir(process / "fd")),
        len(os.listdir(process / "task")),
        status["tasks"],
        len(status["partitions"]),
    )


@dataclass(frozen=True, slots=True)
class Growth:
    """How much more a worker took at the end than at the beginning, after its warm-up.

    Attributes:
        rss_mib_a_minute: slope of the straight line that fits best.
        descriptors: median of the last third less that of the first third, at the same number of partitions; where
            there were several numbers of them, the most; nan where there is nothing to compare.
        threads: likewise.
        tasks: likewise.
        looks: all that was seen, warm-up included.
    """

    rss_mib_a_minute: float
    descriptors: float
    threads: float
    tasks: float
    looks: Sequence[Vitals]

    @classmethod
    def of(cls, looks: Sequence[Vitals], warm_up_minutes: float) -> "Growth":
        """The growth in *looks*, of which those before *warm_up_minutes* do not count."""
        warm = [look for look in looks if look.minutes >= warm_up_minutes]
        slope, _ = linear_regression([look.minutes for look in warm], [look.rss_mib for look in warm])

        third = len(warm) // 3
        first, last = _by_partitions(warm[:third]), _by_partitions(warm[-third:])

        def growth(figure: Callable[[Vitals], float]) -> float:
            return max(
                (median(map(figure, last[count])) - median(map(figure, first[count])) for count in first.keys() & last),
                default=nan,
            )

        return cls(
            slope,
            growth(lambda look: look.descriptors),
            growth(lambda look: look.threads),
            growth(lambda look: look.tasks),
            looks,
        )


def _by_partitions(looks: Sequence[Vitals]) -> dict[int, list[Vitals]]:
    found: defaultdict[int, list[Vitals]] = defaultdict(list)
    for look in looks:
        found[look.partitions].append(look)
    return {count: mine for count, mine in found.items() if len(mine) >= _ENOUGH_LOOKS}

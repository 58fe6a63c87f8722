"""What a run of the benchmark measures, how often and how long."""

from dataclasses import dataclass
from enum import StrEnum

from benchmarks.contenders import Contender
from benchmarks.latency import Pace
from benchmarks.steps import Trial


class Part(StrEnum):
    """What can be measured by itself."""

    THROUGHPUT = "throughput"
    LATENCY = "latency"
    MEMORY = "memory"
    START = "start"
    SWAPS = "swaps"
    RACES = "races"
    OUTAGE = "outage"
    PAGE = "page"
    TARGET = "target"


THROUGHPUT_CONTENDERS = (
    Contender.SERVICE,
    Contender.EXACTLY_ONCE,
    Contender.CONFLUENT,
    Contender.TEXTBOOK,
    Contender.ECHO,
)
RACES_CONTENDERS = (Contender.SERVICE, Contender.RACE_LOOP, Contender.AIOKAFKA_RACE_LOOP, Contender.ECHO)
LATENCY_CONTENDERS = (Contender.SERVICE, Contender.EXACTLY_ONCE, Contender.CONFLUENT, Contender.ECHO)


_TRIAL = Trial()
_PACE = Pace(rate=1000, warm_up_s=5, seconds=20)


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes of everything.

    Attributes:
        runs: rounds of throughput, latency and target; each contender runs once per round.
        records: backlog of the fast contenders.
        textbook_records: backlog of the textbook agent, which is slower by an order of magnitude.
        pace: how records arrive for latency.
        memory_records: the small and the large backlog of the memory part.
        starts: how often the start is measured.
        page_records: the backlog that is worked off while pages are opened and closed.
        versions: how many versions of the model come in while records are ranked.
        hidden: the widths of the model's hidden layers.
        stopped_s: how long nobody ranks, in seconds.
        trial: the load that rises and falls.
    """

    parts: tuple[Part, ...] = tuple(Part)
    quick: bool = False
    runs: int = 5
    records: int = 200_000
    textbook_records: int = 20_000
    pace: Pace = _PACE
    memory_records: tuple[int, int] = (20_000, 1_000_000)
    starts: int = 5
    page_records: int = 3_000_000
    versions: int = 20
    hidden: tuple[int, ...] = (64, 64)
    stopped_s: float = 60.0
    trial: Trial = _TRIAL

    @property
    def suffix(self) -> str:
        """Marks the file of a run that is not a full one."""
        picked = "".join(f"-{part}" for part in self.parts) if self.parts != tuple(Part) else ""
        return ("-quick" if self.quick else "") + picked

    def backlog(self, contender: Contender) -> int:
        """The records that *contender* works off."""
        return self.textbook_records if contender is Contender.TEXTBOOK else self.records


QUICK = Plan(
    quick=True,
    runs=1,
    records=50_000,
    textbook_records=5_000,
    pace=Pace(rate=1000, warm_up_s=2, seconds=5),
    memory_records=(20_000, 200_000),
    starts=1,
    page_records=300_000,
    versions=3,
    stopped_s=10.0,
    trial=Trial(loads=(0.1, 0.7, 0.9, 0.4), sizes=(32, 128, 512), seconds=0.5),
)
"""A smoke run of about two minutes: its figures show that everything works, not how well."""


def order(contenders: tuple[Contender, ...], turn: int) -> tuple[Contender, ...]:
    """Return who runs when in round *turn*: rotated, so that nobody always comes first or follows the same one."""
    first = turn % len(contenders)
    return contenders[first:] + contenders[:first]

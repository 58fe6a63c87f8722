"""Which faults come, in which order, with which details: all of it follows from the seed."""

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from tests.broker.frames import ApiKey

PLACES = 3
"""Workers that are always wanted; one more comes and goes as a guest."""

GUEST = PLACES
SESSION_SECONDS = 4.0

# Whatever lasts that long takes nobody's partitions away: the last heartbeat may have been a fifth of the session
# earlier, and connections need a moment.
_SHORT_SECONDS = (0.3, 1.5)
# And this long takes them away for sure.
_LONG_SECONDS = (SESSION_SECONDS + 1.0, SESSION_SECONDS + 2.5)
# One fault in so many is not waited for, so that the next strikes while the group still recovers.
_OVERLAP = 5


class Guarantee(StrEnum):
    """What the service is to promise."""

    EXACTLY_ONCE = "exactly_once"
    AT_LEAST_ONCE = "at_least_once"


class Kind(StrEnum):
    """What is done to whom."""

    KILL = "kill"
    STOP = "stop"
    FREEZE = "freeze"
    KILL_BROKER = "kill-broker"
    FREEZE_BROKER = "freeze-broker"
    CUT = "cut"
    LOSE = "lose"
    DELAY = "delay"
    SWALLOW = "swallow"
    HOLD = "hold"
    GUEST = "guest"
    SLOW = "slow"
    POISON = "poison"


MEANINGS = {
    Kind.KILL: "kill -9 a worker; half of them just after they sent a batch that never arrives",
    Kind.STOP: "SIGTERM to a worker, which must end with 0",
    Kind.FREEZE: "SIGSTOP to a worker for longer than the session time-out, then SIGCONT: a zombie",
    Kind.KILL_BROKER: "kill -9 the broker, and start it again on its data",
    Kind.FREEZE_BROKER: "SIGSTOP to the broker, then SIGCONT",
    Kind.CUT: "reset a worker's connections and refuse new ones for a while",
    Kind.LOSE: "let a worker's requests, or the answers to them, vanish for a while",
    Kind.DELAY: "let everything arrive later at a worker and at the broker for a while",
    Kind.SWALLOW: "let the broker do what a worker asks, and the worker not know",
    Kind.HOLD: "hold a request back, and deliver it after the worker has gone on without it",
    Kind.GUEST: "a further worker joins, or leaves by SIGTERM",
    Kind.SLOW: "the model hangs for some seconds",
    Kind.POISON: "a burst of records that the model refuses",
}

_WEIGHTS = {
    Kind.KILL: 4,
    Kind.STOP: 4,
    Kind.FREEZE: 3,
    Kind.KILL_BROKER: 1,
    Kind.FREEZE_BROKER: 1,
    Kind.CUT: 2,
    Kind.LOSE: 2,
    Kind.DELAY: 1,
    Kind.SWALLOW: 3,
    Kind.HOLD: 3,
    Kind.GUEST: 2,
    Kind.SLOW: 2,
    Kind.POISON: 2,
}

_TRANSACTION = (
    ApiKey.PRODUCE,
    ApiKey.ADD_PARTITIONS_TO_TXN,
    ApiKey.ADD_OFFSETS_TO_TXN,
    ApiKey.TXN_OFFSET_COMMIT,
    ApiKey.END_TXN,
)
_REQUESTS = {
    (Guarantee.EXACTLY_ONCE, Kind.SWALLOW): _TRANSACTION,
    (Guarantee.EXACTLY_ONCE, Kind.HOLD): _TRANSACTION,
    (Guarantee.AT_LEAST_ONCE, Kind.SWALLOW): (ApiKey.PRODUCE, ApiKey.OFFSET_COMMIT),
    (Guarantee.AT_LEAST_ONCE, Kind.HOLD): (ApiKey.PRODUCE,),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that is to come.

    Attributes:
        kind: what is done.
        place: whom it should strike, where that can be chosen.
        seconds: how long it lasts, where it lasts.
        everyone: whether all ways to the broker are disturbed, not only the victim's.
        either: what a coin says, where there are two ways to do it.
        request: which requests are meant, where some are.
        restart_seconds: how long the place of a worker that ended stays empty.
        waits: whether the next fault waits until the group has recovered.
    """

    kind: Kind
    place: int
    seconds: float
    everyone: bool
    either: bool
    request: ApiKey | None
    restart_seconds: float
    waits: bool

    @property
    def away(self) -> bool:
        """Whether it lasts so long that the group gives the victim's partitions to others."""
        return self.seconds > SESSION_SECONDS


def deck(seed: str, guarantee: Guarantee, only: Collection[Kind] = ()) -> Iterator[Fault]:
    """Yield faults without end: every kind as often as it weighs, in a new order each time round."""
    chance = random.Random(seed)
    kinds = [kind for kind, weight in _WEIGHTS.items() for _ in range(weight) if kind in (only or Kind)]
    while True:
        chance.shuffle(kinds)
        for kind in kinds:
            yield _fault(chance, kind, guarantee)


def _fault(chance: random.Random, kind: Kind, guarantee: Guarantee) -> Fault:
    long = kind is Kind.FREEZE or (kind in {Kind.CUT, Kind.LOSE, Kind.FREEZE_BROKER} and chance.random() < 0.3)
    requests = _REQUESTS.get((guarantee, kind))
    return Fault(
        kind=kind,
        place=chance.randrange(PLACES),
        seconds=round(chance.uniform(*(_LONG_SECONDS if long else _SHORT_SECONDS)), 2),
        everyone=chance.random() < 0.25,
        either=chance.random() < 0.5,
        request=chance.choice(requests) if requests else None,
        restart_seconds=round(chance.uniform(0, 1.5), 2),
        waits=chance.randrange(_OVERLAP) != 0,
    )

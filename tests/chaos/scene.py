"""Where faults happen: a cluster, a group of workers on topics of their own, and a stream of records."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.broker.topics import Topics, fresh_topics
from tests.chaos.cluster import Cluster
from tests.chaos.crew import Crew, NotInTime, by_preference
from tests.chaos.deck import PLACES, SESSION_SECONDS, Guarantee
from tests.chaos.journal import Journal
from tests.chaos.member import Member
from tests.chaos.offsets import Offsets, Silent
from tests.chaos.writer import Writer

# Faust gives every worker as many as fit, two of these to each of four; of six a fourth worker would get none.
PARTITIONS = 8
IN_FLIGHT_MAX_RECORDS = 2000
"""The bound that the workers have, and so how many duplicates one crash may cost at most."""

# A worker that is stuck ends itself after a minute; somebody else must have done its work by then.
RECOVERY_S = 120.0
_CATCH_S = 90.0


@dataclass(frozen=True, slots=True)
class Caught:
    """A worker that is frozen with uncommitted records in its hands.

    Attributes:
        held: how many at least.
        vain: how often somebody was caught with nothing in hand before.
    """

    victim: Member
    held: int
    vain: int


class Scene:
    """What faults work on.

    Attributes:
        cluster: the broker and the ways to it.
        topics: the input, the outputs and the group.
        crew: the workers.
        writer: the stream of records.
        offsets: how far the group has come.
        journal: is told everything.
        committed: how far the group had committed each partition when somebody was caught last.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        topics: Topics,
        crew: Crew,
        writer: Writer,
        offsets: Offsets,
        journal: Journal,
    ) -> None:
        self.cluster = cluster
        self.topics = topics
        self.crew = crew
        self.writer = writer
        self.offsets = offsets
        self.journal = journal
        self.committed: Mapping[int, int] = {}
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return time.monotonic() - self._began

    def catch(self, place: int, suitable: Callable[[Member], bool] = lambda _: True) -> Caught:
        """Freeze a suitable worker, that at *place* if possible, in a moment in which it holds uncommitted records."""
        found: list[Caught] = []
        vain = 0

        def look() -> bool:
            nonlocal vain
            for member in filter(suitable, by_preference(self.crew.members, place)):
                held = self._freeze_holding(member)
                if held > 0:
                    found.append(Caught(member, held, vain))
                    return True
                vain += held < 0
            return False

        self.crew.wait(look, _CATCH_S, "a worker holds uncommitted records")
        return found[0]

    def _freeze_holding(self, member: Member) -> int:
        """How many uncommitted records *member*, which is frozen now, holds at least; if none, it goes on.

        0: it said that it holds none; less: it said that it did, and the group has committed as many since.
        """
        try:
            before = self.offsets.committed()
            status = member.status()
            if status is None or not (status["ready"] and status["in_flight_records"] and member.partitions):
                return 0
            member.freeze()
            after = self.offsets.committed()
        except Silent:
            member.thaw()
            return 0
        self.committed = after
        held: int = status["in_flight_records"] - (sum(after.values()) - sum(before.values()))
        if held > 0:
            return held
        member.thaw()
        return -1

    # -- progress of the group

    def ends(self) -> dict[int, int]:
        """Where the input ends; waits for the broker to tell."""
        found: list[dict[int, int]] = []

        def ask() -> bool:
            try:
                found.append(self.offsets.ends())
            except Silent:
                return False
            return True

        self.crew.wait(ask, RECOVERY_S, "the broker tells where the input ends")
        return found[0]

    def wait_until_committed(self) -> float:
        """Wait until the group has committed what is in the input now; return how long that took."""
        began = time.monotonic()
        goal = self.ends()

        def reached() -> bool:
            try:
                committed = self.offsets.committed()
            except Silent:
                return False
            return all(committed[partition] >= end for partition, end in goal.items())

        self.crew.wait(reached, RECOVERY_S, f"the group commits {goal}")
        return time.monotonic() - began

    def finish(self) -> None:
        """Write no more, let everything be done with, and stop the workers."""
        self.crew.wait_until_ready()
        self.writer.stop()
        self.wait_until_committed()
        self.crew.stop()


@contextmanager
def staged(
    cluster: Cluster,
    guarantee: Guarantee,
    *,
    rate: float,
    seed: int,
    model: Path,
    folder: Path,
) -> Iterator[Scene]:
    """Set up a scene on *cluster* with everybody ready and records coming; leaves no process behind."""
    folder.mkdir(parents=True)
    journal = Journal(folder / "events.jsonl")
    with fresh_topics(cluster.broker, partitions=PARTITIONS, config=_STAMPED) as topics:
        common = _variables(topics, guarantee, model)

        def start(name: str, place: int, tensorflow: bool) -> Member:
            way = {"KAFKA_BOOTSTRAP_SERVERS": cluster.ways[place].bootstrap_servers}
            return Member(name, place, tensorflow=tensorflow, folder=folder, variables={**common, **way})

        crew = Crew(start, PLACES, journal)
        servers = cluster.broker.bootstrap_servers
        writer = Writer(servers, topics.input, partitions=PARTITIONS, rate=rate, seed=seed)
        offsets = Offsets(servers, topics.input, PARTITIONS, topics.group)
        scene = Scene(cluster=cluster, topics=topics, crew=crew, writer=writer, offsets=offsets, journal=journal)
        try:
            crew.wait_until_ready()
            writer.start()
            yield scene
        except NotInTime as late:
            raise NotInTime(f"{late}\n{crew.last_lines()}") from late
        finally:
            crew.kill()
            writer.stop()
            offsets.close()


# Copies bear the broker's time.
_STAMPED = {"message.timestamp.type": "LogAppendTime"}


def _variables(topics: Topics, guarantee: Guarantee, model: Path) -> dict[str, str]:
    return {
        "INPUT_TOPIC": topics.input,
        "OUTPUT_TOPIC": topics.output,
        "DEAD_LETTER_TOPIC": topics.dead_letters,
        "CONSUMER_GROUP": topics.group,
        "PROCESSING_GUARANTEE": guarantee,
        "KAFKA_SESSION_TIMEOUT_MS": str(int(SESSION_SECONDS * 1000)),
        "MODEL_PATH": str(model),
        "IN_FLIGHT_MAX_RECORDS": str(IN_FLIGHT_MAX_RECORDS),
        "RANK_TOP_K": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }

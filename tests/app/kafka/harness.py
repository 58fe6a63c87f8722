"""The consuming half of the service, without a pipeline: chunks arrive in a list and are acknowledged by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from faust.types import TP

from app.kafka.chunk import Chunk
from app.kafka.consuming import add_agent, make_app
from app.kafka.transport import ChunkApp
from config.settings import Settings, load_settings
from tests.broker.topics import Topics
from tests.variables import variables_for


def settings_for(topics: Topics, **variables: str) -> Settings:
    return load_settings(variables_for(topics, "model") | variables, env_file=None)


class Receiver:
    """Takes chunks and acknowledges them when told to; tells what happened in which order."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.acknowledge: list[Callable[[], Any]] = []
        self.events: list[str] = []
        self.failures: list[BaseException] = []
        self.alone = 0
        self.acknowledge_at_once = True
        self.acknowledge_on_revoke = False
        self.app: ChunkApp | None = None
        self._changed = asyncio.Condition()

    def accept(self, chunks: Sequence[Chunk], acknowledge: Callable[[Chunk], None]) -> None:
        for chunk in chunks:
            self.chunks.append(chunk)
            self.acknowledge.append(partial(acknowledge, chunk))
            if self.acknowledge_at_once:
                acknowledge(chunk)

    async def open_partition(self, tp: TP, epoch: int) -> None:
        self.events.append("opening")

    def failed(self, error: BaseException) -> None:
        self.failures.append(error)

    @property
    def assigned(self) -> set[TP]:
        return self.app.chunk_consumer.assigned if self.app else set()

    def rebalanced(self) -> None:
        self.events.append("rebalanced")

    def nothing_comes(self) -> None:
        self.alone += 1

    async def partitions_revoked(self) -> bool:
        self.events.append("revoked")
        if self.acknowledge_on_revoke:
            for acknowledge in self.acknowledge:
                acknowledge()
        return True

    @property
    def records(self) -> list[Any]:
        return [record for chunk in self.chunks for record in chunk]

    @property
    def offsets(self) -> list[tuple[int, int]]:
        return sorted((chunk.tp.partition, record.offset) for chunk in self.chunks for record in chunk)

    async def wait_for(self, condition: Callable[[], bool], within: float = 60.0) -> None:
        """Return when *condition* holds."""
        try:
            async with asyncio.timeout(within):
                while not condition():
                    await asyncio.sleep(0.01)
        except TimeoutError as late:
            late.add_note(self._state())
            raise

    def _state(self) -> str:
        """Where everything stands, for whoever wonders why nothing comes."""
        if self.app is None:
            return "no app"
        consumer = self.app.chunk_consumer
        positions = {tp.partition: (each.position, each.epoch) for tp, each in consumer.books.watermarks.items()}
        thread: Any = consumer._thread
        inner = thread._consumer
        fetcher = getattr(inner, "_fetcher", None)
        return (
            f"joined {consumer.joined}, flow {consumer.flow_active}, letting go {consumer._letting_go.has_begun}, "
            f"assigned {sorted(consumer.assigned)}, opening {consumer.opening}, positions and epochs {positions}, "
            f"epochs of the source {thread._epochs}, in flight {self.app.in_flight.records}, "
            f"aiokafka has {inner and inner.assignment()}, paused {inner and inner.paused()}, "
            f"fetched {fetcher and list(fetcher._records)}, fetching {fetcher and fetcher._in_flight}, "
            f"leaders {inner and [(tp, inner._client.cluster.leader_for_partition(tp)) for tp in inner.assignment()]}, "
            f"events {self.events}, failures {self.failures}"
        )


@asynccontextmanager
async def consuming(topics: Topics, receiver: Receiver | None = None, **variables: str) -> AsyncIterator[Receiver]:
    """Run the consuming half until the block ends; then drain, commit and leave the group."""
    receiver = receiver or Receiver()
    settings = settings_for(topics, **variables)
    receiver.app = make_app(settings.kafka, settings.batch, receiver)
    add_agent(receiver.app, topics.input, receiver.accept, receiver.failures.append)
    await receiver.app.start()
    try:
        yield receiver
    finally:
        async with asyncio.timeout(30):
            if not receiver.app.should_stop:
                await receiver.app.consumer.drain()
            await receiver.app.stop()

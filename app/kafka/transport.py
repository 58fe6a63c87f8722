"""A Faust transport that hands whole chunks to the agent and commits only what is done.

Stock Faust costs more than 100 microseconds per event, whatever the event is; here an event is all chunks of a fetch.
What this relies on in Faust is held fast by the contract tests in `tests/app/kafka/test_faust_contract.py`.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, cast

import faust
from faust.sensors import Sensor
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP
from mode import ServiceT

from app.kafka.consumer import Consumer
from app.kafka.fetching import FAUST_LOGGER
from app.kafka.in_flight import InFlight
from app.progress import Progress

SCHEME = "chunks"


class PartitionListener(Protocol):
    """Who works on what the partitions bring."""

    async def open_partition(self, tp: TP, epoch: int) -> None:
        """Drop what is in flight for a partition and make ready for chunks that bear *epoch*.

        Raises:
            ProducerLost: that is not possible at the moment.
        """

    def failed(self, error: BaseException) -> None:
        """A partition cannot be opened, and trying again would not help."""

    def rebalanced(self) -> None:
        """The group's partitions were shared out anew, perhaps without one for us; fetching begins."""

    def nothing_comes(self) -> None:
        """What is held for company is to go on: nothing is fetched before it is done, or what was fetched is empty."""

    async def partitions_revoked(self) -> bool:
        """Fetching has stopped: finish what is in flight, in bounded time, and tell whether all of it was."""


class ChunkApp(faust.App):
    """A Faust app whose consumer delivers chunks."""

    logger = FAUST_LOGGER
    listener: PartitionListener
    progress: Progress
    in_flight: InFlight
    few_records: int  # from so many on nothing is gained by waiting for more
    most_records: int  # in a chunk
    commits_with_outputs: bool
    starts_at_end: bool

    @property
    def chunk_consumer(self) -> Consumer:
        """Faust's `consumer`, as the type that it is here."""
        return cast(Consumer, self.consumer)

    def on_init_dependencies(self) -> Iterable[ServiceT]:
        """Put one that counts nothing in the place of Faust's monitor, which counts events: ours are whole fetches."""
        services: Iterable[ServiceT] = super().on_init_dependencies()
        self.sensors.remove(self.monitor)
        self.sensors.add(Sensor())  # without any, Faust warns at each rebalance
        return services

    def _create_directories(self) -> None:
        """Keep the disk untouched: there are no tables, and the file system may be read-only."""


class ChunkScheduler(DefaultSchedulingStrategy):
    """One event per fetch instead of one per record."""

    def iterate(self, records: Mapping[TP, Any]) -> Iterator[tuple[TP, Any]]:
        """Yield all chunks as one, in the name of the first one's partition."""
        chunks = list(records.values())
        if chunks:
            yield TP(*chunks[0].tp), chunks


class ChunkSchema(faust.Schema[Any, Any]):
    """Leaves the chunks as they are: decoding is the pipeline's work."""

    def compile(self, app: Any, **_: Any) -> Callable[..., Awaitable[Any]]:
        """Return Faust's decode function."""
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return create_event(None, message.value, None, message)

        return decode


class Producer(driver.Producer):
    """Faust's producer, never started: the publisher has producers of its own and awaits every delivery."""

    logger = FAUST_LOGGER

    async def on_start(self) -> None:
        """Open no connection."""

    async def on_stop(self) -> None:
        """Close none."""

    async def flush(self) -> None:
        """Nothing is ever buffered here."""


class Transport(driver.Transport):
    """What `chunks://` in a broker address selects."""

    Consumer = Consumer
    Producer = Producer


TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"

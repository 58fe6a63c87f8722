"""The Faust app that consumes the input topic, with every setting that differs from Faust's own and why."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from faust import Stream
from faust.auth import Credentials
from faust.types import StreamT

from app.errors import ServiceError, StartFailed
from app.kafka.chunk import Chunk
from app.kafka.client import METADATA_MAX_AGE_MS
from app.kafka.in_flight import InFlight
from app.kafka.reader import FETCH_BYTES
from app.kafka.transport import SCHEME, ChunkApp, ChunkScheduler, ChunkSchema, PartitionListener
from app.progress import Progress
from config.settings import BatchSettings, KafkaSettings

# A chunk costs Faust the same whatever it holds; beyond this many records it only delays the first of them.
CHUNK_RECORDS = 512
# One record per member is left of a conflated chunk, hardly more of so many than of fewer; and leaving out costs less
# than what is done for each that is left. How many are few (see `Pace`) does not change with it.
MOST_CONFLATED_RECORDS = 4096
# Of one partition, at once, where records are conflated. A chunk holds no more than a fetch brought: as many as may be
# conflated, if they have 500 bytes.
MOST_CONFLATED_BYTES = 2 << 20

# Who does not fetch for long is held back by a broker or a model; the watchdog tells that from being stuck.
_NEVER_SECONDS = 1e9


def make_app(
    kafka: KafkaSettings,
    batch: BatchSettings,
    listener: PartitionListener,
    *,
    credentials: Credentials | None = None,
    progress: Progress | None = None,
    conflates: bool = False,
) -> ChunkApp:
    """Return a Faust app for the input topic, not started yet.

    Args:
        kafka: the brokers, the topic and the group.
        batch: how much may be in flight.
        listener: who works on what comes.
        credentials: how to connect; None: in plain text, without a login.
        progress: is told when the consumer moves.
        conflates: whether the listener leaves out what newer records overtake.

    Raises:
        StartFailed: Faust's compiled parts are missing; the pure Python ones acknowledge what they skip.
    """
    if not compiled():
        raise StartFailed(
            "faust-streaming came without its compiled extensions, and without them it acknowledges records that it "
            "skips. Install a wheel for this Python, and leave NO_CYTHON unset."
        )
    session = kafka.session_timeout_ms / 1000
    app = ChunkApp(
        kafka.consumer_group,
        broker=[f"{SCHEME}://{server}" for server in kafka.bootstrap_servers],
        broker_client_id="streamrank",
        broker_credentials=credentials,
        ConsumerScheduler=ChunkScheduler,
        consumer_auto_offset_reset="earliest",  # where to go on when the broker has deleted what comes next
        consumer_max_fetch_size=MOST_CONFLATED_BYTES if conflates else FETCH_BYTES,
        consumer_metadata_max_age_ms=METADATA_MAX_AGE_MS,
        broker_commit_interval=kafka.commit_interval_ms / 1000,
        broker_session_timeout=session,
        broker_heartbeat_interval=session / 5,
        broker_max_poll_interval=_NEVER_SECONDS,
        broker_rebalance_timeout=max(session, 30.0),
        broker_request_timeout=max(2 * session, 30.0),
        topic_disable_leader=True,  # otherwise Faust makes and reads a topic of its own
        topic_allow_declare=False,  # the service creates no topics
        web_enabled=False,  # Faust's pages show tables and routes to anybody
        web_tables_enabled=False,
        web_router_enabled=False,
        store="memory://",
        # We have no tables that a standby could hold; with one, a third worker gets nothing where two have two
        # partitions each, since Faust then takes away only what is above the average, rounded up.
        table_standby_replicas=0,
    )
    app.listener = listener
    app.progress = progress or Progress()
    app.in_flight = InFlight(batch.in_flight_max_records, batch.in_flight_max_bytes)
    app.commits_with_outputs = kafka.exactly_once
    app.starts_at_end = kafka.auto_offset_reset == "latest"
    usual = max(CHUNK_RECORDS, batch.max_size)
    app.few_records = usual // 2
    app.most_records = max(MOST_CONFLATED_RECORDS, usual) if conflates else usual
    return app


def compiled() -> bool:
    """Whether Faust's compiled extensions are there and in use."""
    from faust.transport import conductor

    return getattr(conductor, "ConductorHandler", None) is not None


def add_agent(
    app: ChunkApp,
    topic: str,
    accept: Callable[[Sequence[Chunk], Callable[[Chunk], None]], None],
    on_failure: Callable[[BaseException], None],
) -> None:
    """Let the app's one agent hand the chunks of each fetch to *accept*, with the function that acknowledges one."""
    # Bounded by what may be in flight; a full queue would make Faust wait, which costs more than it saves.
    source = app.topic(topic, schema=ChunkSchema(), maxsize=app.in_flight.max_records)

    async def rank(stream: StreamT[Any]) -> None:
        # Not raised: Faust would restart the agent and leave these chunks a hole that stops all commits.
        try:
            # Any other way to iterate acknowledges in a `finally`: an exception would commit what was never processed.
            async for event in cast(Stream[Any], stream).noack().events():
                accept(event.value, app.chunk_consumer.acknowledge)
        except Exception as error:
            on_failure(error)
        else:
            if not app.should_stop:
                on_failure(ServiceError("the agent stopped by itself"))

    app.agent(source)(rank)

"""One connection to the brokers for everything that the service sends: topics, leaders, and single requests.

aiokafka's client brings connections, metadata and authentication. Its producer is left out: it sends requests again by
itself after their answers were lost, which a transaction must never do, and keeps connections and sequence numbers
where nobody can put them right after a refused batch.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import (
    CorrelationIdError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    LeaderNotAvailableError,
    NodeNotReadyError,
    NoError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.coordination import FindCoordinatorRequest

from app.kafka.protocol import QuietMetadataRequest

REQUEST_TIMEOUT_MS = 8_000
# Partitions that a topic gains are known within this.
METADATA_MAX_AGE_MS = 30_000
_GOODBYE_SECONDS = 1.0


class NotSent(KafkaError):  # type: ignore[misc]
    """The request did not leave; asking again is safe."""

    retriable = True


class AnswerLost(KafkaError):  # type: ignore[misc]
    """The request left and no answer came: it may have been carried out, or still be, later."""

    retriable = True


def may_pass(error: KafkaError) -> bool:
    """Whether trying again may help."""
    return bool(error.retriable) or isinstance(error, KafkaConnectionError | KafkaTimeoutError)


def require_brokers(client: AIOKafkaClient) -> None:
    """Make sure that a client, which has just connected, knows of brokers.

    aiokafka is content with one that is starting and knows of none yet, itself included. When that one goes away once
    more, aiokafka asks nobody any more.

    Raises:
        KafkaConnectionError: it knows of none.
    """
    if not client.cluster.brokers():
        raise KafkaConnectionError("the broker that answers is starting, and knows of no brokers yet")


class _Connections(AIOKafkaClient):  # type: ignore[misc]
    """aiokafka's client, which connects to several brokers side by side: one that does not answer holds up no other."""

    _get_conn_lock = nullcontext()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._locks: dict[Hashable, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def _get_conn(self, node_id: int, *, group: Any = ConnectionGroup.DEFAULT, no_hint: bool = False) -> Any:
        connection = self._conns.get((node_id, group))
        if connection is not None and connection.connected():
            return connection
        async with self._locks[node_id, group]:
            return await super()._get_conn(node_id, group=group, no_hint=no_hint)


class Client:
    """Asks brokers, and remembers the topics that it was told to watch.

    Args:
        bootstrap_servers: `host:port` of brokers.
        security: how to connect, as keyword arguments of aiokafka's clients.
        request_timeout_ms: how long a broker may take to answer.
        guard: called before anything is sent; raises or ends the process when this worker must not send any more.
    """

    def __init__(
        self,
        bootstrap_servers: Sequence[str],
        *,
        security: Mapping[str, Any] | None = None,
        request_timeout_ms: int = REQUEST_TIMEOUT_MS,
        guard: Callable[[], None] = lambda: None,
    ) -> None:
        self.request_timeout_ms = request_timeout_ms
        self._bootstrap_servers = list(bootstrap_servers)
        self._security = dict(security or {})
        self._guard = guard
        self._started: _Connections | None = None
        self._counts: dict[str, int] = {}
        self._hung_up: set[asyncio.Future[Any]] = set()

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaConnectionError: no broker answers.
        """
        client = _Connections(
            bootstrap_servers=self._bootstrap_servers,
            client_id="streamrank",
            request_timeout_ms=self.request_timeout_ms,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            **self._security,
        )
        bootstrap = asyncio.ensure_future(client.bootstrap())
        try:
            await asyncio.shield(bootstrap)
            require_brokers(client)
        except BaseException:
            # aiokafka would leave a connection open that it is asking for brokers when it is cancelled.
            await asyncio.wait([bootstrap], timeout=_GOODBYE_SECONDS)
            bootstrap.cancel()
            await client.close()
            raise
        self._started = client

    async def stop(self) -> None:
        """Disconnect; whoever still waits for an answer is told that it is lost."""
        if self._started is not None:
            client, self._started = self._started, None
            await client.close()
        if self._hung_up:
            # TLS says goodbye, and hears it, before a connection is over.
            await asyncio.wait(self._hung_up, timeout=_GOODBYE_SECONDS)

    @property
    def _client(self) -> _Connections:
        if self._started is None:
            raise NotSent("the client is not connected")
        return self._started

    # -- topics

    async def missing(self, topics: Sequence[str]) -> list[str]:
        """Those of *topics* that the cluster does not have. Asking does not create them."""
        answer = await self.request(self.any_node(), QuietMetadataRequest(list(topics)))
        there: set[str] = set()
        for code, topic, _internal, partitions in answer.topics:
            if (kind := for_code(code)) is TopicAuthorizationFailedError:
                raise kind(topic)
            if kind is NoError and partitions:
                there.add(topic)
        return [topic for topic in topics if topic not in there]

    async def watch(self, topics: Sequence[str]) -> None:
        """Learn the partitions of *topics*, and keep knowing them."""
        for topic in topics:
            # What a broker told unasked when we connected, as the embedded one does, is forgotten with the next look.
            self._client._topics.add(topic)
            self._counts[topic] = len(await self._client._wait_on_metadata(topic))

    def partition_count(self, topic: str) -> int:
        """How many partitions *topic*, which is watched, has, or had when it was last seen."""
        if partitions := self._client.cluster.partitions_for_topic(topic):
            self._counts[topic] = len(partitions)
        return self._counts[topic]

    async def leader(self, tp: TopicPartition) -> int:
        """The node that leads a partition of a watched topic.

        Raises:
            UnknownTopicOrPartitionError: there is no such partition, at least not now.
            LeaderNotAvailableError: nobody leads it at the moment.
        """
        if (leader := self._known_leader(tp)) is not None:
            return leader
        await self.refresh()
        if (leader := self._known_leader(tp)) is not None:
            return leader
        if tp.topic in self._client.cluster.unauthorized_topics:
            raise TopicAuthorizationFailedError(tp.topic)
        if self._client.cluster.partitions_for_topic(tp.topic):
            raise LeaderNotAvailableError(f"nobody leads {tp.topic}[{tp.partition}]")
        raise UnknownTopicOrPartitionError(f"there is no topic {tp.topic}")

    def _known_leader(self, tp: TopicPartition) -> int | None:
        leader: int | None = self._client.cluster.leader_for_partition(tp)
        return None if leader == -1 else leader

    async def refresh(self) -> None:
        """Ask anew who leads what."""
        await self._client.force_metadata_update()

    def replicas(self, topic: str) -> int:
        """How many brokers keep each partition of a watched topic, or are to."""
        partitions = self._client.cluster._partitions.get(topic, {}).values()
        return max((len(each.replicas) for each in partitions), default=1)

    def controller(self) -> int:
        """The node that changes topics, as far as that is known; else any, which may pass it on."""
        known = self._client.cluster.controller
        return self.any_node() if known is None else int(known.nodeId)

    # -- requests

    async def coordinator(self, kind: CoordinationType, key: str) -> int:
        """The node that coordinates the group or the transactional id *key*.

        Raises:
            KafkaError: it is not known now; asking again may help where the error is retriable.
        """
        node = self.any_node()
        answer = await self.request(node, FindCoordinatorRequest(key, kind))
        if answer.error_code:
            raise for_code(answer.error_code)(key)
        return int(answer.coordinator_id)

    def any_node(self) -> int:
        """Some broker."""
        node: int | None = self._client.get_random_node()
        if node is None:
            raise NotSent("no broker is known")
        return node

    async def knows(self, node: int, apis: Mapping[int, int]) -> bool:
        """Whether a broker offers all of Kafka's requests with these numbers, each in this version or a later one."""
        connection = await self._client._get_conn(node)
        if connection is None:
            raise NotSent(f"broker {node} cannot be reached")
        latest = {api_key: highest for api_key, (_lowest, highest) in connection._versions.items()}
        return all(latest.get(api_key, -1) >= version for api_key, version in apis.items())

    def hang_up(self, way: Hashable) -> None:
        """Close the connections of one way; the next request opens them anew."""
        if self._started is not None:
            connections = self._started._conns
            for name in [each for each in connections if each[1] == way]:
                closed = connections.pop(name).close()
                self._hung_up.add(closed)
                closed.add_done_callback(self._hung_up.discard)

    async def request(self, node: int, request: Any, *, way: Hashable = 0) -> Any:
        """Send one request, once, and return the answer.

        Args:
            node: the broker to ask.
            request: one of aiokafka's requests.
            way: requests of one way share a connection, and a broker works on them one after the other.

        Raises:
            NotSent: it did not leave.
            AnswerLost: it left, and what became of it is not known.
        """
        try:
            if not await self._client.ready(node, group=way):
                raise NotSent(f"broker {node} cannot be reached")
            self._guard()
            return await self._client.send(node, request, group=way)
        except NodeNotReadyError as error:
            raise NotSent(str(error)) from error
        except RequestTimedOutError as error:
            raise AnswerLost(f"broker {node} has not answered within {self.request_timeout_ms} ms") from error
        except (KafkaConnectionError, CorrelationIdError, KeyError) as error:
            # KeyError: aiokafka looks the connection up again after a time-out, and it may be gone by then.
            raise AnswerLost(f"the connection to broker {node} broke: {error}") from error

"""The proxy before a real broker, with both clients that the service's tests know."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from confluent_kafka import KafkaException, Producer

from tests.broker.frames import ApiKey
from tests.broker.proxy import Proxy
from tests.broker.records import COMMON
from tests.broker.topics import Topics

pytestmark = pytest.mark.needs_apache_kafka


@asynccontextmanager
async def producing(bootstrap_servers: str, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, retry_backoff_ms=20, **options)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


def confluent(bootstrap_servers: str, **options: Any) -> Producer:
    settings = {name.replace("_", "."): value for name, value in options.items()}
    return Producer({**COMMON, "bootstrap.servers": bootstrap_servers, "enable.idempotence": True, **settings})


def values(topics: Topics, isolation: str = "read_committed") -> list[bytes | None]:
    """What is in the output topic, looked at around the proxy."""
    return [record.value for record in topics.client.read_all(topics.output, isolation=isolation)]


async def test_aiokafka_works_through_it_and_every_request_is_counted(topics: Topics, proxy: Proxy):
    async with producing(proxy.bootstrap_servers) as producer:
        for number in range(5):
            await producer.send_and_wait(topics.output, b"%d" % number, partition=0)
    async with AIOKafkaConsumer(
        topics.output, bootstrap_servers=proxy.bootstrap_servers, auto_offset_reset="earliest"
    ) as consumer:
        assert [(await consumer.getone()).value for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
    assert proxy.requests[ApiKey.PRODUCE] >= 5
    assert proxy.requests[ApiKey.FETCH] > 0
    assert proxy.connections > 1


def test_confluent_kafka_works_through_it_also_with_large_records(topics: Topics, proxy: Proxy):
    producer = confluent(proxy.bootstrap_servers)
    large = b"x" * 900_000
    for _ in range(10):
        producer.produce(topics.output, large)
    assert producer.flush(60) == 0
    assert values(topics) == [large] * 10
    assert proxy.requests[ApiKey.INIT_PRODUCER_ID] == 1


async def test_a_delay_holds_up_both_directions(topics: Topics, proxy: Proxy):
    async with producing(proxy.bootstrap_servers) as producer:
        await producer.send_and_wait(topics.output, b"connected", partition=0)
        proxy.delay(0.3)
        began = time.monotonic()
        await producer.send_and_wait(topics.output, b"late", partition=0)
        assert time.monotonic() - began >= 0.6
        proxy.heal()
        await producer.send_and_wait(topics.output, b"back", partition=0)
    assert values(topics) == [b"connected", b"late", b"back"]


async def test_lost_requests_never_reach_the_broker_and_after_healing_clients_go_on(topics: Topics, proxy: Proxy):
    async with producing(proxy.bootstrap_servers, request_timeout_ms=1000) as producer:
        await producer.send_and_wait(topics.output, b"before", partition=0)
        proxy.drop(requests=True)
        with pytest.raises(KafkaError):
            await producer.send_and_wait(topics.output, b"lost", partition=0)
        assert await asyncio.to_thread(values, topics) == [b"before"]
        await asyncio.to_thread(proxy.heal)
        await producer.send_and_wait(topics.output, b"after", partition=0)
    assert values(topics) == [b"before", b"after"]


def test_lost_answers_leave_a_client_in_doubt_about_what_the_broker_has(topics: Topics, proxy: Proxy):
    told: list[bytes | None] = []
    producer = confluent(proxy.bootstrap_servers)
    producer.produce(topics.output, b"before", partition=0)
    assert producer.flush(60) == 0
    proxy.drop(answers=True)
    producer.produce(
        topics.output, b"doubtful", partition=0, on_delivery=lambda error, message: told.append(message.value())
    )
    proxy.wait_for_requests(ApiKey.PRODUCE, 2)
    assert [record.value for record in topics.client.read(topics.output, 2)] == [b"before", b"doubtful"]
    producer.poll(0)
    assert told == []
    proxy.heal()
    assert producer.flush(60) == 0
    assert told == [b"doubtful"]
    assert values(topics) == [b"before", b"doubtful"]


def test_a_cut_resets_every_connection_and_refuses_new_ones_until_it_is_healed(topics: Topics, proxy: Proxy):
    producer = confluent(proxy.bootstrap_servers)
    producer.produce(topics.output, b"before", partition=0)
    assert producer.flush(60) == 0
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as client:
        client.sendall(api_versions(7))
        assert client.recv(4)
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            read_all(client)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port), timeout=30)
    producer.produce(topics.output, b"after", partition=0)
    assert producer.flush(0.5) == 1
    proxy.heal()
    assert producer.flush(60) == 0
    assert values(topics) == [b"before", b"after"]


def api_versions(correlation_id: int) -> bytes:
    return struct.pack(">ihhih", 10, ApiKey.API_VERSIONS, 0, correlation_id, -1)


def read_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(1000), b""))


def receive(client: socket.socket, within: float) -> bytes:
    client.settimeout(within)
    try:
        return client.recv(1)
    finally:
        client.settimeout(30)


@contextmanager
def connected(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as client:
        yield client


def answered(client: socket.socket) -> int:
    """The correlation id of the next answer."""
    length, number = struct.unpack(">ii", client.recv(8, socket.MSG_WAITALL))
    client.recv(length - 4, socket.MSG_WAITALL)
    return int(number)


def test_what_a_connection_sends_after_a_held_request_waits_behind_it_and_other_connections_do_not(proxy: Proxy):
    with connected(proxy) as one, connected(proxy) as other, proxy.hold(ApiKey.API_VERSIONS, count=1) as hold:
        one.sendall(api_versions(1) + api_versions(2))
        hold.wait()
        other.sendall(api_versions(3))
        assert answered(other) == 3
        with pytest.raises(TimeoutError):
            receive(one, 0.1)
        hold.release()
        assert (answered(one), answered(one)) == (1, 2)
        hold.wait_until_answered()
    assert [request.correlation_id for request in hold.requests] == [1]


@pytest.mark.parametrize("end", ["close", "cut"])
def test_a_held_request_reaches_the_broker_also_after_its_client_has_gone(proxy: Proxy, end: str):
    with proxy.hold(ApiKey.API_VERSIONS) as hold:
        with connected(proxy) as client:
            client.sendall(api_versions(1) + api_versions(2))
            hold.wait(2)
            if end == "cut":
                proxy.cut()
        assert hold.answers == []
        hold.release()
        hold.wait_until_answered()
    assert [struct.unpack_from(">i", answer, 4)[0] for answer in hold.answers] == [1, 2]


def test_a_held_request_that_is_dropped_ends_its_connection_and_no_other(proxy: Proxy):
    with connected(proxy) as one, connected(proxy) as other, proxy.hold(ApiKey.API_VERSIONS, count=1) as hold:
        one.sendall(api_versions(1) + api_versions(2))
        hold.wait()
        hold.drop()
        one.settimeout(10)
        assert one.recv(1) == b""
        other.sendall(api_versions(3))
        assert answered(other) == 3
    assert hold.answers == []


def test_what_was_dropped_never_reaches_the_topic(topics: Topics, proxy: Proxy):
    producer = confluent(proxy.bootstrap_servers, enable_idempotence=False)
    with proxy.hold(ApiKey.PRODUCE, count=1) as hold:
        producer.produce(topics.output, b"lost", partition=0)
        producer.poll(0)
        hold.wait()
        # Of the queue too, it would take along what is produced next.
        producer.purge(in_queue=False)
        assert producer.flush(30) == 0
        hold.drop()
    producer.produce(topics.output, b"taken", partition=0)
    assert producer.flush(30) == 0
    assert values(topics) == [b"taken"]


async def test_only_the_next_commit_is_held_and_takes_effect_when_it_is_released(topics: Topics, proxy: Proxy):
    async with producing(proxy.bootstrap_servers, transactional_id=topics.group) as producer:
        with proxy.hold(ApiKey.END_TXN, count=1) as hold:
            await producer.begin_transaction()
            await producer.send_and_wait(topics.output, b"first", partition=0)
            commit = asyncio.create_task(producer.commit_transaction())
            await asyncio.to_thread(hold.wait)
            assert await asyncio.to_thread(values, topics, "read_uncommitted") == [b"first"]
            assert await asyncio.to_thread(topics.client.read, topics.output, 1, within=0.5) == []
            hold.release()
            await commit
            async with producer.transaction():
                await producer.send_and_wait(topics.output, b"second", partition=0)
    assert len(hold.requests) == 1
    assert proxy.requests[ApiKey.END_TXN] >= 2
    assert values(topics) == [b"first", b"second"]


def test_a_commit_that_was_on_its_way_for_too_long_arrives_when_its_producer_is_fenced(topics: Topics, proxy: Proxy):
    zombie = confluent(proxy.bootstrap_servers, transactional_id=topics.group)
    zombie.init_transactions(60)
    zombie.begin_transaction()
    zombie.produce(topics.output, b"late")
    assert zombie.flush(60) == 0
    with proxy.hold(ApiKey.END_TXN) as hold:
        with pytest.raises(KafkaException, match=r"(?i)timed.out"):
            zombie.commit_transaction(1)
        del zombie
        successor = confluent(topics.client.bootstrap_servers, transactional_id=topics.group)
        successor.init_transactions(60)
        hold.release()
        hold.wait_until_answered()
    assert [request.api_version for request in hold.requests] == [1]  # length, correlation id, throttle time, error
    assert struct.unpack_from(">h", hold.answers[0], 12)[0] in {47, 90}  # INVALID_PRODUCER_EPOCH, PRODUCER_FENCED
    assert values(topics) == []
    assert values(topics, "read_uncommitted") == [b"late"]


@pytest.mark.parametrize("reset", [False, True])
async def test_a_swallowed_answer_leaves_the_work_done_and_the_client_asking_again(
    topics: Topics, proxy: Proxy, reset: bool
):
    options = {"transactional_id": topics.group, "request_timeout_ms": 2000}
    async with producing(proxy.bootstrap_servers, **options) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(topics.output, b"once", partition=0)
        swallow = proxy.swallow_answers(ApiKey.END_TXN, count=1, reset=reset)
        commit = asyncio.create_task(producer.commit_transaction())
        await asyncio.to_thread(swallow.wait)
        await asyncio.to_thread(topics.client.read, topics.output, 1)
        await commit
    assert proxy.requests[ApiKey.END_TXN] >= 2
    assert values(topics) == [b"once"]


@pytest.mark.parametrize(
    "disturb",
    [
        pytest.param(lambda proxy: proxy.drop(requests=True), id="requests"),
        pytest.param(lambda proxy: proxy.drop(answers=True), id="answers"),
        pytest.param(lambda proxy: proxy.swallow_answers(ApiKey.API_VERSIONS), id="answers of a kind"),
    ],
)
def test_healing_resets_where_something_vanished_and_only_there(proxy: Proxy, disturb: Callable[[Proxy], Any]):
    with connected(proxy) as lossy, connected(proxy) as whole:
        disturb(proxy)
        lossy.sendall(api_versions(1))
        proxy.wait_for_requests(ApiKey.API_VERSIONS, 1)
        with pytest.raises(TimeoutError):
            receive(lossy, 1)
        proxy.heal()
        with pytest.raises(ConnectionResetError):
            read_all(lossy)
        whole.sendall(api_versions(2))
        assert answered(whole) == 2


def test_a_reset_in_place_of_an_answer_is_noticed_at_once(proxy: Proxy):
    proxy.swallow_answers(ApiKey.API_VERSIONS, count=1, reset=True)
    with connected(proxy) as first, connected(proxy) as second:
        first.sendall(api_versions(1))
        with pytest.raises(ConnectionResetError):
            read_all(first)
        second.sendall(api_versions(2))
        assert answered(second) == 2


async def test_one_client_alone_can_be_meant(topics: Topics, proxy: Proxy):
    theirs = lambda request: request.client_id == "them"  # noqa: E731
    async with (
        producing(proxy.bootstrap_servers, client_id="us") as us,
        producing(proxy.bootstrap_servers, client_id="them") as them,
    ):
        with proxy.hold(ApiKey.PRODUCE, where=theirs) as hold:
            held = await them.send(topics.output, b"theirs", partition=0)
            await asyncio.to_thread(hold.wait)
            await us.send_and_wait(topics.output, b"ours", partition=0)
            assert not held.done()
        await held
    assert values(topics) == [b"ours", b"theirs"]


def test_a_wait_for_what_does_not_come_ends_with_an_error(proxy: Proxy):
    with proxy.hold(ApiKey.END_TXN) as hold, pytest.raises(TimeoutError, match=r"within 0\.1 s"):
        hold.wait(within=0.1)
    with pytest.raises(TimeoutError, match=r"not 1 requests of the kind .*END_TXN"):
        proxy.wait_for_requests(ApiKey.END_TXN, 1, within=0.1)
    with connected(proxy) as client, proxy.hold() as hold:
        client.sendall(api_versions(1))
        hold.wait()
        with pytest.raises(TimeoutError, match=r"not answered within"):
            hold.wait_until_answered(within=0.1)


def test_without_a_broker_clients_are_reset():
    with Proxy(upstream_port=1) as proxy, pytest.raises(ConnectionResetError), connected(proxy) as client:
        read_all(client)

"""The way to the brokers: topics, leaders, and requests whose fate is told truly."""

import asyncio
import socket
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.client import CoordinationType
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError, UnknownTopicOrPartitionError
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import BrokerMetadata

from app.broker import EmbeddedBroker
from app.kafka.client import AnswerLost, Client, NotSent
from app.kafka.coordinator import Coordinator
from app.ports import free_ports
from tests.app.kafka.links import link, variables_for
from tests.app.kafka.publishing import connected, until
from tests.broker.secure_kafka import SecureKafka
from tests.broker.topics import Topics


async def test_topics_that_are_missing_are_named_and_not_created(topics: Topics):
    async with connected(topics.client.bootstrap_servers) as client:
        asked = [f"{topics.output}-no", topics.output, f"{topics.input}-no"]
        assert await client.missing(asked) == [f"{topics.output}-no", f"{topics.input}-no"]
    assert not {each for each in topics.client.names() if each.endswith("-no")}


@pytest.mark.needs_apache_kafka  # the topics of the embedded broker gain no partitions
async def test_partitions_that_a_watched_topic_gains_are_counted_and_led(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.kafka.client.METADATA_MAX_AGE_MS", 100)
    async with connected(topics.client.bootstrap_servers, topics.output) as client:
        assert client.partition_count(topics.output) == 4
        await asyncio.to_thread(topics.client.grow, topics.output, 6)
        await until(lambda: client.partition_count(topics.output) == 6)
        assert await client.leader(TopicPartition(topics.output, 5)) == client.any_node()


async def test_a_topic_that_is_gone_for_a_while_keeps_its_partition_count_and_has_no_leader(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.kafka.client.METADATA_MAX_AGE_MS", 100)
    async with connected(topics.client.bootstrap_servers, topics.output) as client:
        await asyncio.to_thread(topics.client.delete, topics.output)
        cluster = client._client.cluster
        await until(lambda: cluster.partitions_for_topic(topics.output) is None)
        assert client.partition_count(topics.output) == 4
        with pytest.raises(UnknownTopicOrPartitionError, match=f"there is no topic {topics.output}"):
            await client.leader(TopicPartition(topics.output, 0))


async def test_topics_that_a_broker_tells_unasked_stay_known_when_another_one_is_watched():
    watched = ["first", "second"]
    with EmbeddedBroker() as broker:
        await asyncio.to_thread(broker.create_topics, watched, partitions=1)
        async with connected(broker.bootstrap_servers) as client:
            await client.watch(["first"])
            await asyncio.to_thread(broker.create_topics, ["third"], partitions=1)
            for topic in ("second", "third"):
                await client.watch([topic])
            await client.refresh()
            for topic in (*watched, "third"):
                assert await client.leader(TopicPartition(topic, 0)) == client.any_node()


async def test_a_broker_that_does_not_answer_holds_up_no_other(topics: Topics):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with connected(topics.client.bootstrap_servers) as client:
            there = client.any_node()
            client._client.cluster._brokers[99] = BrokerMetadata(99, "127.0.0.1", silent.getsockname()[1], None)
            waiting = asyncio.create_task(client.request(99, MetadataRequest([]), way="a"))
            accepted, _ = await asyncio.to_thread(silent.accept)
            with accepted:
                for way in "abc":
                    assert await client.request(there, MetadataRequest([]), way=way)
                assert not waiting.done()
                waiting.cancel()


async def test_before_the_start_and_after_the_end_nothing_is_sent(topics: Topics):
    client = Client([topics.client.bootstrap_servers])
    with pytest.raises(NotSent, match="not connected"):
        await client.request(1, MetadataRequest([]))
    await client.start()
    await client.stop()
    await client.stop()
    with pytest.raises(NotSent, match="not connected"):
        client.any_node()


async def test_a_broker_that_is_not_there_is_an_error_at_the_start_and_can_be_tried_again(
    tansu: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
):
    client = Client([f"127.0.0.1:{free_ports(1)[0]}"])
    with pytest.raises(KafkaConnectionError):
        await client.start()
    monkeypatch.setattr(client, "_bootstrap_servers", [tansu.bootstrap_servers])
    await client.start()
    await client.stop()


async def test_a_start_that_is_given_up_leaves_no_connection_open(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    opened: list[AIOKafkaConnection] = []
    asked = asyncio.Event()

    class Noted(AIOKafkaConnection):
        def send(self, request: Any, *arguments: Any, **options: Any) -> Any:
            if isinstance(request, MetadataRequest):
                opened.append(self)
                asked.set()
            return super().send(request, *arguments, **options)

    monkeypatch.setattr("aiokafka.conn.AIOKafkaConnection", Noted)
    client = Client([topics.client.bootstrap_servers])
    starting = asyncio.create_task(client.start())
    await asked.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert [connection.connected() for connection in opened] == [False]


async def test_whoever_must_not_send_any_more_sends_nothing(topics: Topics):
    class Stopped(Exception):
        pass

    def guard() -> None:
        raise Stopped

    async with connected(topics.client.bootstrap_servers, guard=guard) as client:
        with pytest.raises(Stopped):
            await client.request(client.any_node(), MetadataRequest([]))


async def test_a_request_that_finds_no_broker_was_not_sent_and_one_that_finds_no_answer_is_lost(topics: Topics):
    (port,) = free_ports(1)
    async with connected(topics.client.bootstrap_servers, request_timeout_ms=500) as client:
        node = client.any_node()
        about = client._client.cluster._brokers[node]
        client._client.cluster._brokers[node] = about._replace(host="127.0.0.1", port=port)
        with pytest.raises(NotSent, match=f"broker {node} cannot be reached"):
            await client.request(node, MetadataRequest([]), way="elsewhere")
        client._client.cluster._brokers[node] = about
        connection = await client._client._get_conn(node, group="here")
        with socket.socket() as silent:
            # From now on what is written goes nowhere.
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            _, writer = await asyncio.open_connection(*silent.getsockname())
            kept, connection._writer = connection._writer, writer
            with pytest.raises(AnswerLost, match="has not answered within 500 ms"):
                await client.request(node, MetadataRequest([]), way="here")
            kept.close()
            writer.close()


async def test_a_connection_that_is_hung_up_is_opened_anew(topics: Topics):
    async with connected(topics.client.bootstrap_servers) as client:
        node = client.any_node()
        await client.request(node, MetadataRequest([]), way="mine")
        await client.request(node, MetadataRequest([]), way="yours")
        first, other = [await client._client._get_conn(node, group=way) for way in ("mine", "yours")]
        client.hang_up("mine")
        assert (first.connected(), other.connected()) == (False, True)
        await client.request(node, MetadataRequest([]), way="mine")


@pytest.mark.needs_apache_kafka
async def test_a_connection_that_is_hung_up_is_over_when_the_client_has_stopped(secure_kafka: SecureKafka):
    security = link(variables_for(secure_kafka, "TLS")).client_options
    async with connected(secure_kafka.address("TLS"), security=security) as client:
        node = client.any_node()
        await client.request(node, MetadataRequest([]), way="mine")
        connection = await client._client._get_conn(node, group="mine")
        client.hang_up("mine")
    assert connection._closed_fut.done()


@pytest.mark.needs_apache_kafka  # the embedded broker coordinates everything, whatever it is asked for
async def test_a_coordinator_is_found_once_and_again_after_it_was_forgotten(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    async with connected(topics.client.bootstrap_servers) as client:
        coordinator = Coordinator(client, CoordinationType.TRANSACTION, "somebody")
        async with asyncio.timeout(30):
            while True:
                try:
                    node = await coordinator.node()
                    break
                except NotSent:  # the broker makes its topic of transactions when it is first asked
                    await asyncio.sleep(0.05)
        asked: list[object] = []
        find = client.coordinator

        async def found(*about: object) -> int:
            asked.append(about)
            return await find(*about)

        monkeypatch.setattr(client, "coordinator", found)
        assert await coordinator.node() == node
        assert asked == []
        coordinator.forget()
        assert await coordinator.node() == node
        assert asked == [(CoordinationType.TRANSACTION, "somebody")]

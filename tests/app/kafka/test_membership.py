"""What we rely on in aiokafka's group membership, on a real broker: look here first after an upgrade."""

import asyncio
import time

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, RequestTimedOutError
from aiokafka.protocol.metadata import MetadataRequest

from app.errors import StartFailed
from app.standstill import awake
from tests.app.kafka.harness import consuming
from tests.broker.frames import ApiKey
from tests.broker.proxy import Proxy
from tests.broker.topics import Topics

pytestmark = pytest.mark.needs_apache_kafka


async def test_every_heartbeat_that_is_answered_is_noted_and_those_that_are_not_are_not(topics: Topics, proxy: Proxy):
    through = {"KAFKA_BOOTSTRAP_SERVERS": proxy.bootstrap_servers, "KAFKA_SESSION_TIMEOUT_MS": "6000"}
    before = awake()
    async with consuming(topics, **through) as receiver:
        consumer = receiver.app.chunk_consumer
        await receiver.wait_for(lambda: consumer.joined)
        joined_at = consumer.heard_at
        assert before < joined_at <= awake()
        await receiver.wait_for(lambda: consumer.heard_at > joined_at)
        with proxy.hold(ApiKey.HEARTBEAT) as hold:
            await asyncio.to_thread(hold.wait)
            last = consumer.heard_at
            await asyncio.sleep(1.5)  # longer than a heartbeat's interval
            assert consumer.heard_at == last
        await receiver.wait_for(lambda: consumer.heard_at > last)


async def test_a_request_that_is_not_answered_is_given_up_and_its_connection_too(
    topics: Topics, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.kafka.membership.REQUEST_TIMEOUT_MS", 300)
    async with consuming(topics, KAFKA_BOOTSTRAP_SERVERS=proxy.bootstrap_servers) as receiver:
        await receiver.wait_for(lambda: receiver.app.chunk_consumer.joined)
        client = receiver.app.chunk_consumer._thread._ensure_consumer()._client
        node = client.get_random_node()
        await client.send(node, MetadataRequest([]), group="mine")
        connection = client._conns[node, "mine"]
        with proxy.hold(ApiKey.METADATA):
            began = time.monotonic()
            with pytest.raises(RequestTimedOutError):
                await client.send(node, MetadataRequest([]), group="mine")
            assert time.monotonic() - began < receiver.app.conf.broker_request_timeout / 2
            assert not connection.connected()
        await client.send(node, MetadataRequest([]), group="mine")


async def test_what_ends_all_coordination_is_told_in_our_words(topics: Topics):
    async with consuming(topics) as receiver:
        await receiver.wait_for(lambda: receiver.app.chunk_consumer.joined)
        coordinator = receiver.app.chunk_consumer._thread._ensure_consumer()._coordinator
        pushed = asyncio.ensure_future(coordinator._push_error_to_user(GroupAuthorizationFailedError("group")))
        await receiver.wait_for(lambda: receiver.failures)
        assert isinstance(receiver.failures[0], StartFailed)
        assert "grant Read on the consumer group" in str(receiver.failures[0])
        coordinator._error_consumed_fut.set_result(None)
        await pushed
        coordinator._pending_exception = coordinator._error_consumed_fut = None

"""Topics that are missing are named, at the start and later, and never made."""

import asyncio
import logging

import pytest

from app.kafka.topics import TopicWatch
from tests.app.kafka.publishing import connected, until
from tests.broker.topics import Topics

pytestmark = pytest.mark.needs_apache_kafka


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.kafka.topics.START_POLL_SECONDS", 0.02)
    monkeypatch.setattr("app.kafka.topics.POLL_SECONDS", 0.02)


async def test_the_start_waits_for_all_of_them_and_says_once_what_it_waits_for(
    topics: Topics, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    late = f"{topics.output}-late"
    async with connected(topics.client.bootstrap_servers) as client:
        watch = TopicWatch(client, [topics.input, late])
        waiting = asyncio.create_task(watch.wait())
        await until(lambda: watch.trouble)
        assert watch.trouble == f"waiting for topics that do not exist: {late}"
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await asyncio.to_thread(topics.client.create, late)
        await asyncio.wait_for(waiting, 30)
        assert watch.trouble is None
        assert client.partition_count(late) == 4
    told = [record.message for record in caplog.records if record.name == "app.kafka.topics"]
    assert told == ["waiting for topics that do not exist", "all topics are there"]
    await asyncio.to_thread(topics.client.delete, late)


async def test_a_topic_that_goes_and_comes_back_is_told_both_times(topics: Topics):
    async with connected(topics.client.bootstrap_servers, topics.input, topics.output) as client:
        watch = TopicWatch(client, [topics.input, topics.output])
        running = asyncio.create_task(watch.run())
        await asyncio.to_thread(topics.client.delete, topics.output)
        await until(lambda: watch.trouble == f"waiting for topics that do not exist: {topics.output}")
        # Nobody makes it anew by asking for it.
        await asyncio.sleep(0.2)
        assert topics.output not in await asyncio.to_thread(topics.client.names)
        await asyncio.to_thread(topics.client.create, topics.output)
        await until(lambda: watch.trouble is None)
        running.cancel()
        await asyncio.wait([running])

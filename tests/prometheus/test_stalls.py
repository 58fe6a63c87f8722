"""Whether a real stall fires the right alert of a real Prometheus, and whether that ends with the stall.

What takes minutes in the rules takes seconds here, and nothing else about them is changed.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.broker import EmbeddedBroker
from tests.broker.topics import TopicClient, Topics
from tests.e2e.conftest import record
from tests.e2e.service import Service, environment
from tests.prometheus.server import Prometheus, prometheus

HURRY = 12  # a minute takes 5 s

pytestmark = pytest.mark.usefixtures("needs_prometheus")


@contextmanager
def at_work(folder: Path, topics: Topics, mlp: Path, features) -> Iterator[tuple[Service, Prometheus]]:
    """A service that has ranked some records, as Prometheus has seen, and of which no alert fires."""
    topics.client.write(topics.input, [record(place, features[place]) for place in range(100)])
    with Service(folder, environment(topics, mlp)) as service:
        service.wait_until_ready()
        with prometheus(folder, [service.port], hurry=HURRY) as server:
            topics.client.wait_until_committed(topics.input, topics.group)
            server.until(lambda: server.query("streamrank_ready == 1"), "the service is seen")
            server.until(lambda: server.query("sum(streamrank_records_total) == 100"), "the records are seen")
            # Prometheus takes seconds to look for targets at all, in which it misses them.
            server.until(lambda: not server.firing(), "nothing is the matter")
            yield service, server


@pytest.mark.needs_apache_kafka
def test_an_output_topic_that_is_gone_fires_no_publish_and_a_growing_lag_until_it_is_back(
    topics: Topics, mlp: Path, features, tmp_path: Path
):
    with at_work(tmp_path, topics, mlp, features) as (service, server):
        topics.client.delete(topics.output)
        topics.client.write(topics.input, [record(place, features[place]) for place in range(100, 150)])
        stalled = {"StreamRankNoPublish", "StreamRankLagGrowing"}
        server.until(lambda: stalled <= server.firing(), "the alerts of a stall fire")
        ((labels, waiting),) = server.query("sum by (job) (streamrank_consumer_lag_records)")
        assert (labels, waiting) == ({"job": "streamrank"}, 50)
        topics.client.create(topics.output)
        topics.client.wait_until_committed(topics.input, topics.group)
        server.until(lambda: not stalled & server.firing(), "they end")
        assert service.stop() == 0
    assert len(topics.client.read_all(topics.output)) == 50


def test_a_frozen_worker_fires_absent_until_another_one_is_there(topics: Topics, mlp: Path, features, tmp_path: Path):
    with at_work(tmp_path, topics, mlp, features) as (service, server):
        service.process.send_signal(signal.SIGSTOP)
        server.until(lambda: "StreamRankWorkerAbsent" in server.firing(), "the alert fires")
        service.process.kill()
        service.process.wait()
        with Service(tmp_path, environment(topics, mlp), port=service.port):
            server.until(lambda: "StreamRankWorkerAbsent" not in server.firing(), "the alert ends")


def test_a_frozen_broker_fires_none_ready_until_it_goes_on(mlp: Path, features, tmp_path: Path):
    with EmbeddedBroker() as broker:
        topics = Topics("in", "out", "in.dead-letters", "group", TopicClient(broker))
        topics.client.create(topics.input, topics.output, topics.dead_letters)
        with at_work(tmp_path, topics, mlp, features) as (service, server):
            os.kill(broker.pid, signal.SIGSTOP)
            server.until(lambda: "StreamRankNoneReady" in server.firing(), "the alert fires")
            assert "StreamRankWorkerAbsent" not in server.firing()
            os.kill(broker.pid, signal.SIGCONT)
            server.until(lambda: "StreamRankNoneReady" not in server.firing(), "the alert ends")
            assert service.stop() == 0
        topics.client.close()

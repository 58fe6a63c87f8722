"""How far a group has come, asked through the deaths of the broker."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.broker.records import Record
from tests.broker.topics import fresh_topics
from tests.chaos.cluster import Cluster
from tests.chaos.offsets import Offsets, Silent

pytestmark = pytest.mark.needs_apache_kafka

# Longer than the controller waits before it gives a broker up.
GIVEN_UP_SECONDS = 2.0


def until_told(ask):
    deadline = time.monotonic() + 60
    while True:
        try:
            return ask()
        except Silent:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def wait_until_stopped(pid: int) -> None:
    """Return when none of its threads runs any more: the signal is only on its way when `kill` returns."""
    tasks = list(Path(f"/proc/{pid}/task").iterdir())
    while any(map(_runs, tasks)):
        time.sleep(0.001)


def _runs(task: Path) -> bool:
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0] != "T"
    except (FileNotFoundError, ProcessLookupError):
        return False  # it has ended


def test_offsets_are_told_and_told_again_when_the_broker_is_back(cluster: Cluster):
    broker = cluster.broker
    with fresh_topics(broker, partitions=2) as topics:
        offsets = Offsets(broker.bootstrap_servers, topics.input, 2, topics.group)
        topics.client.write(topics.input, [Record(b"x", partition=place % 2) for place in range(5)])
        topics.client.commit(topics.input, topics.group, {0: 2})
        known = {0: 3, 1: 2}, {0: 2, 1: 0}
        assert (offsets.ends(), offsets.committed()) == known
        broker.kill()
        with pytest.raises(Silent):
            offsets.committed()
        broker.restart()
        assert (until_told(offsets.ends), until_told(offsets.committed)) == known
        os.kill(broker.pid, signal.SIGSTOP)
        wait_until_stopped(broker.pid)
        with pytest.raises(Silent):
            offsets.ends()
        time.sleep(GIVEN_UP_SECONDS)
        os.kill(broker.pid, signal.SIGCONT)
        assert (until_told(offsets.ends), until_told(offsets.committed)) == known
        offsets.close()

"""Replays that are killed, stopped, or two at once, as processes of their own."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.broker import EmbeddedBroker
from app.deadletters.job import Job
from app.deadletters.options import ReplayOptions, parse
from app.kafka.security import Security
from app.kafka.visit import VisitFailed
from config.settings import load_topic_settings
from tests.app.deadletters.conftest import environment
from tests.app.deadletters.letters import letters_from
from tests.app.kafka.publishing import until
from tests.broker.apache_kafka import ApacheKafka
from tests.broker.frames import ApiKey
from tests.broker.proxy import Proxy
from tests.broker.records import Reader
from tests.broker.topics import Topics, fresh_topics

needs_apache_kafka = pytest.mark.needs_apache_kafka

SEED = 1999


class Process:
    """`streamrank dead-letters replay` as a process of its own."""

    def __init__(self, topics: Topics, folder: Path, *arguments: str, servers: str | None = None) -> None:
        variables = environment(topics)
        if servers is not None:
            variables["KAFKA_BOOTSTRAP_SERVERS"] = servers
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "dead-letters", "replay", *arguments],
            cwd=folder,
            env={**inherited, "PYTHONPATH": str(Path(__file__).parents[3]), **variables},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait(self) -> tuple[int, str]:
        """Its exit status and what it said."""
        _, said = self.process.communicate(timeout=120)
        return self.process.returncode, said


@contextmanager
def replaying(topics: Topics, folder: Path, *arguments: str, servers: str | None = None) -> Iterator[Process]:
    started = Process(topics, folder, *arguments, servers=servers)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
        started.process.communicate()


def numbers(topics: Topics, isolation: str = "read_committed") -> list[int]:
    found = topics.client.read_all(topics.input, isolation=isolation)
    return [int((each.key or b"").removeprefix(b"key-")) for each in found]


def wait_for(topics: Topics, count: int) -> None:
    """Return when readers of committed records see so many in the input topic."""
    with Reader(topics.client.bootstrap_servers, topics.input, isolation="read_committed") as reader:
        deadline = time.monotonic() + 60
        while len(reader.records) < count:
            assert time.monotonic() < deadline
            reader.look(0.02)


@needs_apache_kafka
def test_a_replay_that_is_killed_again_and_again_neither_loses_nor_doubles_anything(
    topics: Topics, tmp_path: Path
) -> None:
    print(f"seed: {SEED}")
    chance = random.Random(SEED)
    topics.client.write(topics.dead_letters, letters_from(topics.input, 20_000))
    killed = 0
    for _ in range(8):
        seen = len(numbers(topics))
        if seen == 20_000:
            break
        # Not so fast that it is done before it was killed often enough.
        with replaying(topics, tmp_path, "--rate", "3000") as replay:
            wait_for(topics, seen + 1)
            time.sleep(chance.uniform(0, 0.15))
            replay.process.kill()
            killed += replay.process.wait() == -signal.SIGKILL
    assert killed >= 3
    with replaying(topics, tmp_path) as replay:
        status, said = replay.wait()
    assert (status, "written" in said) == (0, True)
    assert sorted(numbers(topics)) == list(range(20_000))
    assert numbers(topics) == sorted(range(20_000), key=lambda number: (number % 4, number))


def test_without_transactions_a_replay_that_is_killed_loses_nothing(tansu: EmbeddedBroker, tmp_path: Path) -> None:
    with fresh_topics(tansu) as topics:
        topics.client.write(topics.dead_letters, letters_from(topics.input, 4000))
        for _ in range(3):
            seen = len(numbers(topics))
            with replaying(topics, tmp_path, "--rate", "2000") as replay:
                wait_for(topics, seen + 300)
                replay.process.kill()
        with replaying(topics, tmp_path) as replay:
            assert replay.wait()[0] == 0
        found = numbers(topics)
        assert set(found) == set(range(4000))
        assert len(found) < 8000


@needs_apache_kafka
def test_a_replay_that_is_killed_while_it_commits_neither_loses_nor_doubles_anything(
    topics: Topics, tmp_path: Path, proxy: Proxy
) -> None:
    topics.client.write(topics.dead_letters, letters_from(topics.input, 9000))
    for api_key in (ApiKey.PRODUCE, ApiKey.ADD_OFFSETS_TO_TXN, ApiKey.TXN_OFFSET_COMMIT, ApiKey.END_TXN):
        for too_late in (False, True):
            seen = proxy.requests[api_key]
            with replaying(topics, tmp_path, "--rate", "2000", servers=proxy.bootstrap_servers) as replay:
                proxy.wait_for_requests(api_key, seen + 3)
                with proxy.hold(api_key) as hold:
                    hold.wait()
                    replay.process.kill()
                    if too_late:
                        # The next one has begun before the broker gets what was under way.
                        with replaying(topics, tmp_path, "--limit", "300") as following:
                            assert following.wait()[0] == 0
                hold.wait_until_answered()
    with replaying(topics, tmp_path) as replay:
        assert replay.wait()[0] == 0
    assert sorted(numbers(topics)) == list(range(9000))


@needs_apache_kafka
def test_of_two_at_once_the_second_takes_over_and_nothing_is_written_twice(topics: Topics, tmp_path: Path) -> None:
    topics.client.write(topics.dead_letters, letters_from(topics.input, 2000))
    with replaying(topics, tmp_path, "--rate", "100") as first:
        wait_for(topics, 20)
        with replaying(topics, tmp_path) as second:
            assert second.wait()[0] == 0
        status, said = first.wait()
    assert status == 1
    assert said.splitlines()[-1] == (
        f"streamrank: another replay with the group {topics.group}.replay has begun, and goes on from here"
    )
    assert "Traceback" not in said
    assert sorted(numbers(topics)) == list(range(2000))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@needs_apache_kafka
def test_a_signal_ends_with_the_transaction_under_way_and_the_next_replay_goes_on(
    topics: Topics, tmp_path: Path, number: signal.Signals
) -> None:
    topics.client.write(topics.dead_letters, letters_from(topics.input, 2000))
    with replaying(topics, tmp_path, "--rate", "200") as replay:
        wait_for(topics, 20)
        replay.process.send_signal(number)
        status, said = replay.wait()
    done = len(numbers(topics))
    assert status == 128 + number
    assert 20 <= done < 2000
    assert said.startswith(f"streamrank: {done:,} records written")
    assert said.splitlines()[-1] == f"streamrank: stopped by {number.name}; the same command goes on from here"
    assert sorted(numbers(topics, "read_uncommitted")) == sorted(numbers(topics))
    with replaying(topics, tmp_path) as replay:
        assert replay.wait()[0] == 0
    assert sorted(numbers(topics)) == list(range(2000))


@needs_apache_kafka
def test_a_second_signal_ends_it_at_once(topics: Topics, tmp_path: Path, proxy: Proxy) -> None:
    topics.client.write(topics.dead_letters, letters_from(topics.input, 10))
    with replaying(topics, tmp_path, servers=proxy.bootstrap_servers) as replay, proxy.hold(ApiKey.END_TXN) as hold:
        hold.wait()
        replay.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert replay.process.poll() is None
        replay.process.send_signal(signal.SIGTERM)
        assert replay.wait()[0] == 128 + signal.SIGTERM


@needs_apache_kafka
def test_lost_answers_cost_neither_a_record_nor_a_doubling(topics: Topics, tmp_path: Path, proxy: Proxy) -> None:
    topics.client.write(topics.dead_letters, letters_from(topics.input, 4000))
    servers = proxy.bootstrap_servers
    with replaying(topics, tmp_path, "--rate", "1000", servers=servers) as replay:
        for api_key in (ApiKey.PRODUCE, ApiKey.END_TXN, ApiKey.TXN_OFFSET_COMMIT):
            proxy.wait_for_requests(api_key, proxy.requests[api_key] + 2)
            proxy.cut()
            time.sleep(0.1)
            proxy.heal()
        status, said = replay.wait()
    assert (status, sorted(numbers(topics))) == (0, list(range(4000))), said


@needs_apache_kafka
async def test_a_broker_that_goes_away_for_good_ends_it_and_the_next_one_goes_on(
    mortal_kafka: ApacheKafka, tmp_path: Path
) -> None:
    with fresh_topics(mortal_kafka) as topics:
        await asyncio.to_thread(topics.client.write, topics.dead_letters, letters_from(topics.input, 2000))
        settings = load_topic_settings(environment(topics), None, without=("OUTPUT_TOPIC",))
        options = parse(["replay", "--rate", "200"])
        assert isinstance(options, ReplayOptions)
        job = Job(options, settings.kafka, Security(settings.security), patience_seconds=3)
        work = asyncio.create_task(job.carry_out(asyncio.Event()))
        await until(lambda: job.tally.written)
        await asyncio.to_thread(mortal_kafka.kill)
        with pytest.raises(VisitFailed, match=r"no broker can be reached: 127\.0\.0\.1:") as caught:
            await work
        assert caught.value.status == 3
        await asyncio.to_thread(mortal_kafka.restart)
        with replaying(topics, tmp_path) as replay:
            assert (await asyncio.to_thread(replay.wait))[0] == 0
        assert sorted(await asyncio.to_thread(numbers, topics)) == list(range(2000))

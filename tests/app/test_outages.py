"""Outages of the broker are ridden out: told, waited for, and nothing is lost, doubled or out of order."""

import asyncio
import json
import os
import signal
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from models.numpy_model import NumpyModel
from tests.app.chunks import row
from tests.app.test_metrics import samples
from tests.app.test_worker import Run, _in_this_process, running
from tests.broker.apache_kafka import FORGETFUL, ApacheKafka
from tests.broker.frames import ApiKey
from tests.broker.proxy import Proxy
from tests.broker.records import Record
from tests.broker.topics import Topics, fresh_topics

__all__ = ["_in_this_process"]

pytestmark = pytest.mark.needs_apache_kafka


class Setup:
    """A broker behind a proxy, and what can happen to them."""

    def __init__(self, broker: ApacheKafka, proxy: Proxy) -> None:
        self.broker = broker
        self.proxy = proxy
        self.restarted = False

    def begin(self, outage: str) -> None:
        match outage:
            case "killed":
                self.broker.kill()
            case "frozen":
                os.kill(self.broker.pid, signal.SIGSTOP)
            case "answers lost":
                self.proxy.drop(answers=True)
            case "requests lost":
                self.proxy.drop(requests=True)
            case "cut":
                self.proxy.cut()

    def end(self, outage: str) -> None:
        match outage:
            case "killed":
                self.broker.restart()
                self.restarted = True
            case "frozen":
                os.kill(self.broker.pid, signal.SIGCONT)
            case _:
                self.proxy.heal()


@pytest.fixture
def setup(shared: Setup) -> Setup:
    """What all tests share; a broker that was restarted by a thread of a test has ended with it."""
    if shared.restarted:
        shared.broker.kill()
        shared.broker.restart()
        shared.restarted = False
    return shared


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    with Proxy() as proxy:
        folder = tmp_path_factory.mktemp("kafka")
        properties = FORGETFUL | {
            "group.min.session.timeout.ms": "1000",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": "100",
        }
        with ApacheKafka(folder, properties=properties, heap="256m", advertised_port=proxy.port) as broker:
            proxy.upstream_port = broker.proxied_port
            yield Setup(broker, proxy)


def write(topics: Topics, numbers: range) -> None:
    topics.client.write(
        topics.input,
        [Record(row(f"r{number}", number + 1, 1, 2, 3), key=b"k", partition=number % 4) for number in numbers],
    )


async def livez(run: Run) -> int:
    async with ClientSession(f"http://127.0.0.1:{run.port}") as session, session.get("/livez") as answer:
        return answer.status


@pytest.mark.parametrize(
    ("outage", "guarantee"),
    [
        ("killed", "exactly_once"),
        ("killed", "at_least_once"),
        ("frozen", "exactly_once"),
        ("frozen", "at_least_once"),
        ("answers lost", "exactly_once"),
        ("answers lost", "at_least_once"),
        ("requests lost", "exactly_once"),
        ("requests lost", "at_least_once"),
        ("cut", "exactly_once"),
        ("cut", "at_least_once"),
    ],
)
async def test_an_outage_in_the_middle_of_work_costs_no_record_no_order_and_no_restart(
    setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outage: str, guarantee: str
):
    # Short of patience, so that the test need not be long.
    monkeypatch.setattr("app.serving.SILENT_SECONDS", 2.0)
    monkeypatch.setattr("app.kafka.producer.SLOW_SECONDS", 1.0)
    monkeypatch.setattr("app.kafka.membership.REQUEST_TIMEOUT_MS", 1500)
    monkeypatch.setattr("app.kafka.client.REQUEST_TIMEOUT_MS", 1500)
    monkeypatch.setattr("app.kafka.transactional._OURS_SECONDS", 2.0)
    through = {"KAFKA_BOOTSTRAP_SERVERS": setup.proxy.bootstrap_servers, "PROCESSING_GUARANTEE": guarantee}
    small = {"BATCH_MAX_SIZE": "8", "IN_FLIGHT_MAX_RECORDS": "200"}
    with fresh_topics(setup.broker) as topics:
        async with running(topics, NumpyModel(delay_seconds=0.005), monkeypatch, **through, **small) as run:
            await run.ready()
            await asyncio.to_thread(write, topics, range(2000))
            await run.until(lambda: samples(run.worker._metrics)["streamrank_records_total", "published"] > 0)
            await asyncio.to_thread(setup.begin, outage)
            await run.until(lambda: run.health.unready() is not None)
            await run.until(lambda: "broker" in (run.health.unready() or ""))
            assert await livez(run) == 200
            assert samples(run.worker._metrics)["streamrank_in_flight_records",] <= 200
            await asyncio.to_thread(setup.end, outage)
            await asyncio.to_thread(write, topics, range(2000, 2400))
            await asyncio.to_thread(topics.client.wait_until_committed, topics.input, topics.group, within=60)
            await run.ready()
            assert await run.stop() == 0
        outputs = await asyncio.to_thread(topics.client.read_all, topics.output)
    check(outputs, 2400, doubled=guarantee == "at_least_once")


async def test_a_worker_whose_transaction_the_broker_has_ended_joins_again_and_nothing_is_lost_or_doubled(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.kafka.transactional.TRANSACTION_TIMEOUT_MS", 1000)
    through = {"KAFKA_BOOTSTRAP_SERVERS": setup.proxy.bootstrap_servers, "PROCESSING_GUARANTEE": "exactly_once"}
    with fresh_topics(setup.broker) as topics:
        async with running(topics, NumpyModel(), monkeypatch, **through) as run:
            await run.ready()
            for start in range(0, 400, 100):
                with setup.proxy.hold(ApiKey.END_TXN, count=1) as hold:
                    await asyncio.to_thread(write, topics, range(start, start + 100))
                    await asyncio.to_thread(hold.wait)
                    rebalances = samples(run.worker._metrics)["streamrank_rebalances_total",]
                    await asyncio.sleep(1.5)  # the broker's time for the transaction, and a look at the clock
                await run.until(lambda: samples(run.worker._metrics)["streamrank_rebalances_total",] > rebalances)
                await asyncio.to_thread(topics.client.wait_until_committed, topics.input, topics.group)
            await run.ready()
            assert run.health.unhealthy() is None
            assert await run.stop() == 0
        check(await asyncio.to_thread(topics.client.read_all, topics.output), 400, doubled=False)


def check(outputs: list[Record], count: int, *, doubled: bool) -> None:
    """Every record is there, in order per partition; more than once only where that may be."""
    by_partition: dict[int | None, list[int]] = defaultdict(list)
    for each in outputs:
        by_partition[each.partition].append(int(json.loads(each.value)["id"][1:]))
    for partition in range(4):
        seen, wanted = by_partition[partition], [*range(partition, count, 4)]
        assert list(dict.fromkeys(seen)) == wanted, "lost, or out of order"
        assert doubled or seen == wanted

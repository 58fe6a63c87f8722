"""One worker in this process, on a real broker, with a model that starts at once; tests/e2e has it as a process."""

import asyncio
import json
import os
import platform
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import Distribution, version
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from confluent_kafka.admin import ResourceType

from app.broker import EmbeddedBroker
from app.errors import PublishFailed
from app.kafka.brokers import Brokers
from app.ports import free_ports
from app.watchdog import Watchdog
from app.worker import Worker
from models.errors import ModelNotUsable, RowsRefused
from models.numpy_model import NumpyModel
from models.predictor import Columns, TopK
from tests.app.chunks import row
from tests.app.kafka.harness import settings_for
from tests.app.running import Run, in_this_process
from tests.app.test_metrics import samples
from tests.broker.frames import ApiKey
from tests.broker.proxy import Proxy
from tests.broker.records import Record
from tests.broker.secure_kafka import PASSWORD, SecureKafka, secured_variables
from tests.broker.topics import TopicClient, Topics, fresh_topics

POISON = 13.0


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    in_this_process(monkeypatch)


class Held(NumpyModel):
    """Answers only when it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.called = threading.Event()
        self.go_on = threading.Event()

    def predict(self, columns: Columns) -> TopK:
        self.called.set()
        assert self.go_on.wait(30)
        return super().predict(columns)


@asynccontextmanager
async def running(
    topics: Topics, model: NumpyModel, monkeypatch: pytest.MonkeyPatch, **variables: str
) -> AsyncIterator[Run]:
    def load_predictor(*_: object) -> NumpyModel:
        return model

    port = free_ports(1)[0]
    settings = settings_for(topics, HTTP_HOST="127.0.0.1", HTTP_PORT=str(port), **variables)
    run = Run(Worker(settings, load_predictor), port)
    try:
        yield run
    finally:
        if not run.task.done():
            run.worker._over.set()
            await run.ended()


def rows(*first_features: float) -> list[Record]:
    return [
        Record(row(f"r{place}", first, 1, 2, 3), key=b"k%d" % place, partition=place % 4)
        for place, first in enumerate(first_features)
    ]


async def test_a_worker_takes_records_to_rankings_and_ends_with_0_once_all_is_committed(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    topics.client.write(topics.input, rows(1, POISON, 2, 3, 4))
    async with running(topics, NumpyModel(poison=POISON), monkeypatch, COMMIT_INTERVAL_MS="60000") as run:
        await run.ready()
        await run.until(lambda: samples(run.worker._metrics)["streamrank_records_total", "published"] == 4)
        assert await run.stop() == 0
    outputs = await asyncio.to_thread(topics.client.read_all, topics.output)
    letters = await asyncio.to_thread(topics.client.read_all, topics.dead_letters)
    assert {json.loads(each.value)["id"] for each in outputs} == {"r0", "r2", "r3", "r4"}
    assert [json.loads(each.value)["id"] for each in letters] == ["r1"]
    committed = await asyncio.to_thread(topics.client.committed_offsets, topics.input, topics.group)
    assert committed == {0: 2, 1: 1, 2: 1, 3: 1}


@pytest.mark.needs_apache_kafka  # the embedded broker has no transactions
async def test_exactly_once_rankings_dead_letters_and_offsets_are_committed_together_also_past_markers(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    producer = AIOKafkaProducer(bootstrap_servers=topics.client.bootstrap_servers, transactional_id=topics.group)
    await producer.start()

    async def write(keep: bool, *first_features: float) -> None:
        await producer.begin_transaction()
        for each in rows(*first_features):
            await producer.send_and_wait(topics.input, each.value, key=each.key, partition=each.partition)
        await (producer.commit_transaction() if keep else producer.abort_transaction())

    await write(True, 1, POISON, 2, 3)
    await write(False, 7, 7, 7, 7)
    guarantee = {"PROCESSING_GUARANTEE": "exactly_once"}
    async with running(topics, NumpyModel(poison=POISON), monkeypatch, **guarantee) as run:
        await run.ready()
        await run.until(lambda: samples(run.worker._metrics)["streamrank_records_total", "published"] == 3)
        # Nothing but markers and aborted records comes after the last record.
        await write(False, 8, 8, 8, 8)
        await run.until(lambda: [lag.records for lag in run.health.serving.lag.partitions.values()] == [0, 0, 0, 0])
        assert samples(run.worker._metrics)["streamrank_input_partitions", topics.input] == 4
        committed = await asyncio.to_thread(topics.client.committed_offsets, topics.input, topics.group)
        assert committed == await asyncio.to_thread(topics.client.end_offsets, topics.input)
        await write(True, 4)
        await run.until(lambda: samples(run.worker._metrics)["streamrank_records_total", "published"] == 4)
        assert samples(run.worker._metrics)["streamrank_in_flight_records",] == 0
        assert await run.stop() == 0
    await producer.stop()
    outputs = await asyncio.to_thread(topics.client.read_all, topics.output)
    letters = await asyncio.to_thread(topics.client.read_all, topics.dead_letters)
    assert sorted(json.loads(each.value)["id"] for each in outputs) == ["r0", "r0", "r2", "r3"]
    assert [json.loads(each.value)["id"] for each in letters] == ["r1"]
    # Every one of them is followed by the marker of its transaction.
    assert sum((await asyncio.to_thread(topics.client.end_offsets, topics.output)).values()) >= 4 + 4


async def test_exactly_once_on_a_broker_without_transactions_ends_at_the_start(
    tansu: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
):
    with fresh_topics(tansu) as topics:
        async with running(topics, NumpyModel(), monkeypatch, PROCESSING_GUARANTEE="exactly_once") as run:
            assert await run.ended() == 1
            assert "this broker has no transactions" in run.health.unhealthy()


@pytest.mark.needs_apache_kafka
@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
async def test_a_secured_cluster_is_served_as_any_other(
    secure_kafka: SecureKafka, monkeypatch: pytest.MonkeyPatch, guarantee: str
):
    secured = secured_variables(secure_kafka, PASSWORD)
    with fresh_topics(secure_kafka) as topics:
        topics.client.write(topics.input, rows(1, 2, 3, 4))
        async with running(topics, NumpyModel(), monkeypatch, PROCESSING_GUARANTEE=guarantee, **secured) as run:
            await run.ready()
            await run.until(lambda: samples(run.worker._metrics)["streamrank_records_total", "published"] == 4)
            assert PASSWORD not in json.dumps(run.health.status(), default=str)
            assert await run.stop() == 0
        assert len(await asyncio.to_thread(topics.client.read_all, topics.output)) == 4


@pytest.mark.needs_apache_kafka
async def test_a_wrong_password_ends_the_start_with_a_message_that_says_so_and_does_not_show_it(
    secure_kafka: SecureKafka, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    with fresh_topics(secure_kafka) as topics:
        async with running(topics, NumpyModel(), monkeypatch, **secured_variables(secure_kafka, "hushed")) as run:
            assert await run.ended() == 1
            assert "KAFKA_SASL_PASSWORD" in run.health.unhealthy()
    assert "hushed" not in caplog.text


async def test_a_certificate_that_cannot_be_used_ends_the_start(
    topics: Topics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    nonsense = tmp_path / "ca.pem"
    nonsense.write_text("no certificate")
    variables = {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": str(nonsense)}
    async with running(topics, NumpyModel(), monkeypatch, **variables) as run:
        assert await run.ended() == 1
        assert f"KAFKA_SSL_CAFILE={nonsense}: the file holds no certificate" in run.health.unhealthy()


async def test_the_http_port_tells_the_steps_of_the_start_and_the_status(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    go_on = threading.Event()
    async with running(topics, NumpyModel(labels=("a", "b", "c")), monkeypatch) as run:
        assert run.health.unready() == "starting"
        assert run.health.status()["model"] is None

        def load_slowly(*_: object) -> NumpyModel:
            assert go_on.wait(30)
            return NumpyModel(labels=("a", "b", "c"))

        monkeypatch.setattr(run.worker, "_load", load_slowly)
        await run.until(lambda: "loading the model" in run.health.unready())
        await run.until(lambda: "broker" not in run.health.unready())
        go_on.set()
        await run.ready()
        async with ClientSession(f"http://127.0.0.1:{run.port}") as session:
            for path in ("/readyz", "/livez"):
                async with session.get(path) as answer:
                    assert (answer.status, await answer.text()) == (200, "ok\n")
            async with session.get("/status") as answer:
                about = await answer.json()
        assert (about["ready"], about["reason"]) == (True, None)
        assert samples(run.worker._metrics)["streamrank_rebalances_total",] == 1
        assert (about["model"]["name"], about["model"]["classes"]) == ("numpy", 3)
        assert about["model"]["signature"]["inputs"][0]["name"] == "features"
        assert about["settings"]["kafka"]["input_topic"] == topics.input
        tensorflow = {name for name in ("tensorflow", "tensorflow-cpu") if any(Distribution.discover(name=name))}
        assert set(about["versions"]) == {"python", "streamrank", "faust-streaming", "aiokafka"} | tensorflow
        assert tensorflow
        assert about["versions"]["python"] == platform.python_version()
        assert about["versions"]["streamrank"] == version("streamrank")
        assert await run.stop() == 0


async def test_the_status_tells_how_many_classes_a_model_without_labels_has(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    async with running(topics, NumpyModel(classes=7), monkeypatch) as run:
        await run.ready()
        assert run.health.status()["model"]["classes"] == 7
        assert await run.stop() == 0


async def test_the_status_tells_how_many_tasks_there_are(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    async with running(topics, NumpyModel(), monkeypatch) as run:
        await run.ready()
        before = run.health.status()["tasks"]
        idlers = [asyncio.create_task(asyncio.sleep(60)) for _ in range(100)]
        assert 100 <= run.health.status()["tasks"] - before < 200
        for idler in idlers:
            idler.cancel()
        assert await run.stop() == 0


async def test_missing_topics_are_what_it_is_not_ready_for(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    async with running(topics, NumpyModel(), monkeypatch, OUTPUT_TOPIC=f"{topics.output}-no") as run:
        await run.until(lambda: f"waiting for topics that do not exist: {topics.output}-no" in run.health.unready())
        assert run.health.unhealthy() is None
        assert await run.stop() == 0


async def test_a_broker_that_does_not_answer_is_what_it_is_not_ready_for(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    async with running(topics, NumpyModel(), monkeypatch, KAFKA_BOOTSTRAP_SERVERS=nobody) as run:
        await run.until(lambda: run.health.status()["model"] is not None)
        assert "waiting for a broker to answer" in run.health.unready()
        assert run.health.unhealthy() is None
        assert await run.stop() == 0


async def test_settings_that_do_not_fit_the_model_are_told_without_a_broker(
    monkeypatch: pytest.MonkeyPatch, topics: Topics, caplog: pytest.LogCaptureFixture
):
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    wrong = {"KAFKA_BOOTSTRAP_SERVERS": nobody, "INPUT_FIELDS": '{"speed": "a.b"}'}
    async with running(topics, NumpyModel(), monkeypatch, **wrong) as run:
        assert await asyncio.wait_for(run.task, 30) == 1
    assert "speed" in caplog.text


async def test_a_broker_that_goes_away_while_topics_are_waited_for_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    with EmbeddedBroker() as first:
        topics = Topics("in", "out", "in.dead-letters", "group", TopicClient(first))
        async with running(topics, NumpyModel(), monkeypatch) as run:
            await run.until(lambda: "do not exist: in, out, in.dead-letters" in run.health.unready())
            first.stop()
            await run.until(lambda: "no broker answers; trying again" in caplog.text)
            with EmbeddedBroker(port=first.port):
                await asyncio.to_thread(topics.client.create, topics.input)
                await run.until(lambda: "do not exist: out, in.dead-letters" in run.health.unready())
                assert await run.stop() == 0
        topics.client.close()


@asynccontextmanager
async def cut_off_before_it_joins(
    topics: Topics, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[Run]:
    """A worker that found a broker and its topics, and loses all brokers before its consumer is there."""
    async with running(topics, NumpyModel(), monkeypatch, KAFKA_BOOTSTRAP_SERVERS=proxy.bootstrap_servers) as run:
        join = run.worker._join_group

        async def cut_and_join(*parts: Any) -> None:
            proxy.cut()
            await join(*parts)

        monkeypatch.setattr(run.worker, "_join_group", cut_and_join)
        await run.until(lambda: "no broker answers the consumer" in caplog.text)
        yield run


@pytest.mark.needs_apache_kafka  # the embedded broker is not reached through a proxy
async def test_a_broker_that_goes_away_before_the_group_is_joined_is_waited_for(
    topics: Topics, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async with cut_off_before_it_joins(topics, proxy, monkeypatch, caplog) as run:
        proxy.heal()
        await run.ready()
        assert await run.stop() == 0


@pytest.mark.needs_apache_kafka
async def test_whoever_waits_for_a_broker_to_join_the_group_can_be_stopped(
    topics: Topics, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async with cut_off_before_it_joins(topics, proxy, monkeypatch, caplog) as run:
        assert await run.stop() == 0
        proxy.heal()


async def test_a_failed_load_leaves_nothing_running(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    def load_predictor(*_: object) -> NumpyModel:
        raise ModelNotUsable("no such folder")

    before = asyncio.all_tasks()
    async with running(topics, NumpyModel(), monkeypatch, OUTPUT_TOPIC=f"{topics.output}-no") as run:
        monkeypatch.setattr(run.worker, "_load", load_predictor)
        assert await run.ended() == 1
        assert asyncio.all_tasks() - before - {run.task} == set()


async def test_a_model_that_cannot_be_loaded_ends_the_worker_with_1(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    topics_found = threading.Event()

    def load_predictor(*_: object) -> NumpyModel:
        assert topics_found.wait(30)
        raise ModelNotUsable("no such folder")

    async with running(topics, NumpyModel(), monkeypatch) as run:
        monkeypatch.setattr(run.worker, "_load", load_predictor)
        connect = Brokers.connect

        async def find_and_tell(self: Brokers) -> None:
            await connect(self)
            topics_found.set()

        monkeypatch.setattr(Brokers, "connect", find_and_tell)
        assert await run.ended() == 1
        assert run.health.unhealthy() == "failed: no such folder"
        assert samples(run.worker._metrics)["streamrank_model_loads_total", "failed"] == 1


async def test_a_model_that_fails_for_everything_ends_the_worker_with_1_and_blames_no_record(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    model = NumpyModel()
    async with running(topics, model, monkeypatch) as run:
        await run.ready()
        model.fail_everything = RowsRefused
        topics.client.write(topics.input, rows(1, 2, 3))
        assert await run.ended() == 1
        assert "its warm-up row too" in run.health.unhealthy()
    for topic in (topics.output, topics.dead_letters):
        assert await asyncio.to_thread(topics.client.read_all, topic) == []
    assert await asyncio.to_thread(topics.client.committed_offsets, topics.input, topics.group) == {}


def impatient(monkeypatch: pytest.MonkeyPatch, seconds: float = 1.0) -> None:
    """Let the watchdog wait a second instead of a minute."""

    def watchdog(*args: Any, **options: Any) -> Watchdog:
        return Watchdog(*args, **{**options, "stuck_seconds": seconds})

    monkeypatch.setattr("app.worker.Watchdog", watchdog)
    monkeypatch.setattr("app.watchdog.LOOK_SECONDS", 0.05)


async def test_a_model_call_that_hangs_fails_livez_and_ends_the_worker_with_1_and_nothing_is_committed(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    model = Held()
    async with running(topics, model, monkeypatch, MODEL_TIMEOUT_SECONDS="0.5") as run:
        await run.ready()
        topics.client.write(topics.input, rows(1, 2, 3))
        async with ClientSession(f"http://127.0.0.1:{run.port}") as session:
            await run.until(model.called.is_set)
            reasons: list[str] = []
            while not run.task.done() and not reasons:
                async with session.get("/livez") as answer:
                    if answer.status == 503:
                        reasons.append(await answer.text())
        assert "a model call has not returned for" in reasons[0]
        assert "MODEL_TIMEOUT_SECONDS=0.5" in reasons[0]
        assert await run.ended() == 1
    model.go_on.set()
    assert await asyncio.to_thread(topics.client.read_all, topics.output) == []
    assert await asyncio.to_thread(topics.client.committed_offsets, topics.input, topics.group) == {}


async def never(*_: object, **__: object) -> None:
    await asyncio.Event().wait()


async def nothing(*_: object, **__: object) -> dict[Any, Any]:
    await asyncio.sleep(0.01)
    return {}


DEAD = [
    ("app.kafka.sender.Sender._deliver", never, "a publisher that sends nothing"),
    ("app.kafka.fetching.ChunkSource.take_chunks", nothing, "a consumer that falls silent"),
    ("app.pipeline.Pipeline.accept", lambda *_: None, "an agent that does nothing with what comes"),
    ("app.lane.Lane._commit", never, "a lane that acknowledges nothing"),
]


@pytest.mark.needs_apache_kafka
@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
@pytest.mark.parametrize("dead", DEAD, ids=[each[2] for each in DEAD])
async def test_a_part_that_is_dead_ends_the_worker_with_1_and_nothing_is_committed(
    topics: Topics, monkeypatch: pytest.MonkeyPatch, dead: tuple[str, Any, str], guarantee: str
):
    # In their proportions, as they are: a transaction is given up and everything read again many times meanwhile.
    impatient(monkeypatch, seconds=2.0)
    monkeypatch.setattr("app.kafka.transactional._OURS_SECONDS", 0.25)
    monkeypatch.setattr(dead[0], dead[1])
    async with running(topics, NumpyModel(), monkeypatch, PROCESSING_GUARANTEE=guarantee) as run:
        topics.client.write(topics.input, rows(1, 2, 3))
        assert await run.ended() == 1
        # In a transaction all else is done again and again.
        stuck = str(run.health.unhealthy())
        if "Sender" not in dead[0]:
            assert "nothing has moved" in stuck
        elif guarantee == "exactly_once":
            assert "none has been sent" in stuck
        else:
            assert "none has been sent" in stuck or "nothing has moved" in stuck
    assert await asyncio.to_thread(topics.client.committed_offsets, topics.input, topics.group) == {}


@pytest.mark.needs_apache_kafka
async def test_a_transaction_that_is_lost_during_the_stop_is_told_with_1(
    topics: Topics, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.kafka.transactional._OURS_SECONDS", 1.5)
    variables = {"KAFKA_BOOTSTRAP_SERVERS": proxy.bootstrap_servers, "PROCESSING_GUARANTEE": "exactly_once"}
    async with running(topics, NumpyModel(), monkeypatch, **variables) as run:
        await run.ready()
        with proxy.hold(ApiKey.PRODUCE) as held:
            await asyncio.to_thread(topics.client.write, topics.input, rows(1))
            await asyncio.to_thread(held.wait)
            assert await run.stop() == 1
    assert await asyncio.to_thread(topics.client.read_all, topics.output) == []
    assert await asyncio.to_thread(topics.client.committed_offsets, topics.input, topics.group) == {}


@pytest.mark.needs_apache_kafka
async def test_what_a_transaction_lost_keeps_the_worker_unready_until_something_is_confirmed(
    topics: Topics, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.kafka.transactional._OURS_SECONDS", 0.3)
    variables = {"KAFKA_BOOTSTRAP_SERVERS": proxy.bootstrap_servers, "PROCESSING_GUARANTEE": "exactly_once"}
    async with running(topics, NumpyModel(), monkeypatch, **variables) as run:
        await run.ready()
        with proxy.hold(ApiKey.PRODUCE):
            await asyncio.to_thread(topics.client.write, topics.input, rows(1))
            await run.until(lambda: "nothing is confirmed since" in (run.health.unready() or ""))
        await run.ready()
    assert len(await asyncio.to_thread(topics.client.read_all, topics.output)) == 1


async def test_a_broker_that_knows_of_no_brokers_yet_is_asked_again(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    bootstrap = AIOKafkaClient.bootstrap
    early: list[AIOKafkaClient] = []

    async def starting(client: AIOKafkaClient) -> None:
        await bootstrap(client)
        # Our own client, and the consumer's; each of them, in vain, once.
        if len(early) in {0, 2}:
            client.cluster._brokers.clear()
        early.append(client)

    monkeypatch.setattr(AIOKafkaClient, "bootstrap", starting)
    async with running(topics, NumpyModel(), monkeypatch) as run:
        await run.ready()
        assert len(early) == 4
        await asyncio.to_thread(topics.client.write, topics.input, rows(1))
        await asyncio.to_thread(topics.client.wait_until_committed, topics.input, topics.group)


async def test_a_watch_that_breaks_ends_the_worker_with_1(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    async def broken(_: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("app.kafka.topics.TopicWatch.run", broken)
    async with running(topics, NumpyModel(), monkeypatch) as run:
        assert await run.ended() == 1
        assert "a mistake of ours" in str(run.health.unhealthy())


async def test_a_fetch_that_fails_as_nobody_expects_ends_the_worker_with_1(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    async def broken(*_args: object) -> bool:
        raise ZeroDivisionError("a mistake in a fetch")

    monkeypatch.setattr("aiokafka.consumer.fetcher.Fetcher._proc_fetch_request", broken)
    async with running(topics, NumpyModel(), monkeypatch) as run:
        assert await run.ended() == 1
        assert "a mistake in a fetch" in str(run.health.unhealthy())


async def test_an_agent_that_ends_by_itself_ends_the_worker_with_1(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    async with running(topics, NumpyModel(), monkeypatch) as run:
        await run.ready()
        for agent in run.worker._app.agents.values():
            for actor in agent._actors:
                await actor.stream.throw(StopAsyncIteration())
        topics.client.write(topics.input, rows(1, 2, 3))
        assert await run.ended() == 1


@pytest.mark.needs_apache_kafka  # the embedded broker takes records for topics that it does not have
async def test_an_input_topic_that_is_gone_for_a_while_is_told_and_the_new_one_is_read_from_its_beginning(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.kafka.consuming.METADATA_MAX_AGE_MS", 300)
    monkeypatch.setattr("app.kafka.topics.POLL_SECONDS", 0.1)
    async with running(topics, NumpyModel(), monkeypatch) as run:
        await run.ready()
        topics.client.write(topics.input, rows(1, 2, 3, 4))
        await run.until(lambda: samples(run.worker._metrics)["streamrank_records_total", "published"] == 4)
        await asyncio.to_thread(topics.client.wait_until_committed, topics.input, topics.group)
        await asyncio.to_thread(topics.client.delete, topics.input)
        await run.until(lambda: f"do not exist: {topics.input}" in (run.health.unready() or ""))
        assert run.health.unhealthy() is None
        await asyncio.to_thread(topics.client.create, topics.input)
        topics.client.write(topics.input, rows(5, 6, 7, 8))
        await run.until(lambda: samples(run.worker._metrics)["streamrank_records_total", "published"] == 8)
        await run.ready()
        assert await run.stop() == 0


@pytest.mark.needs_apache_kafka
@pytest.mark.parametrize(
    ("guarantee", "denied"),
    [
        ("at_least_once", "output topic"),
        ("at_least_once", "group"),
        ("exactly_once", "output topic"),
        ("exactly_once", "group"),
        ("exactly_once", "transactional id"),
    ],
)
async def test_what_the_broker_denies_ends_the_worker_with_1_and_says_what_to_grant(
    secure_kafka: SecureKafka, monkeypatch: pytest.MonkeyPatch, guarantee: str, denied: str
):
    with fresh_topics(secure_kafka) as topics:
        names = {
            "output topic": (ResourceType.TOPIC, topics.output),
            "transactional id": (ResourceType.TRANSACTIONAL_ID, f"{topics.group}/{topics.input}/0"),
            "group": (ResourceType.GROUP, topics.group),
        }
        topics.client.write(topics.input, rows(1, 2, 3, 4))
        secured = secured_variables(secure_kafka, PASSWORD)
        async with running(topics, NumpyModel(), monkeypatch, PROCESSING_GUARANTEE=guarantee, **secured) as run:
            secure_kafka.reserve(*names[denied], user="somebody-else")
            assert await run.ended() == 1
            assert "grant" in run.health.unhealthy()


async def test_what_cannot_be_finished_in_time_stays_uncommitted_and_the_status_is_1(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    model = Held()
    topics.client.write(topics.input, rows(1, 2, 3))
    async with running(topics, model, monkeypatch, SHUTDOWN_TIMEOUT_SECONDS="4") as run:
        await run.until(model.called.is_set)
        assert await run.stop() == 1
    model.go_on.set()
    assert await asyncio.to_thread(topics.client.read_all, topics.output) == []
    assert await asyncio.to_thread(topics.client.committed_offsets, topics.input, topics.group) == {}


async def test_a_short_time_to_stop_is_enough_for_a_worker_with_nothing_to_do(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    async with running(topics, NumpyModel(), monkeypatch, SHUTDOWN_TIMEOUT_SECONDS="3") as run:
        await run.ready()
        assert await run.stop() == 0


async def test_a_short_time_to_stop_is_enough_for_what_is_soon_finished(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    model = Held()
    topics.client.write(topics.input, rows(1, 2, 3))
    async with running(topics, model, monkeypatch, SHUTDOWN_TIMEOUT_SECONDS="3") as run:
        await run.until(model.called.is_set)
        os.kill(os.getpid(), signal.SIGTERM)
        await run.until(lambda: run.health.unready() == "stopping")
        model.go_on.set()
        assert await run.ended() == 0
    committed = await asyncio.to_thread(topics.client.committed_offsets, topics.input, topics.group)
    assert committed == {0: 1, 1: 1, 2: 1}


async def test_a_last_commit_that_fails_is_no_clean_stop(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    async with running(topics, NumpyModel(), monkeypatch, COMMIT_INTERVAL_MS="60000") as run:
        await run.ready()
        topics.client.write(topics.input, rows(1, 2, 3, 4))
        await run.until(lambda: samples(run.worker._metrics)["streamrank_records_total", "published"] == 4)

        async def refused(*_: object) -> bool:
            return False

        monkeypatch.setattr(run.worker._app.chunk_consumer, "_commit", refused)
        assert await run.stop() == 1


async def test_an_error_while_leaving_still_gives_a_status(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    async with running(topics, NumpyModel(), monkeypatch) as run:
        await run.ready()
        stop = run.worker._brokers.client.stop

        async def stop_and_fail() -> None:
            await stop()
            raise OSError("gone")

        monkeypatch.setattr(run.worker._brokers.client, "stop", stop_and_fail)
        assert await run.stop() == 1


@pytest.mark.needs_apache_kafka  # the embedded broker takes records for topics that it does not have
async def test_an_output_topic_that_is_gone_for_a_while_is_told_and_waited_for(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.kafka.producer.SLOW_SECONDS", 0.3)
    async with running(topics, NumpyModel(), monkeypatch) as run:
        await run.ready()
        await asyncio.to_thread(topics.client.delete, topics.output)
        topics.client.write(topics.input, rows(1))
        await run.until(lambda: f"{topics.output}[0]: the broker has not confirmed" in (run.health.unready() or ""))
        # By now the topic is gone from the metadata; a partition that has nothing on its way yet comes next.
        topics.client.write(topics.input, rows(1, 2))
        await run.until(lambda: run.worker._app.in_flight.records == 3)
        assert run.health.unhealthy() is None
        await asyncio.to_thread(topics.client.create, topics.output)
        await run.until(lambda: samples(run.worker._metrics)["streamrank_records_total", "published"] == 3)
        await run.ready()
        assert await run.stop() == 0


async def test_only_the_first_failure_is_told(topics: Topics, caplog: pytest.LogCaptureFixture):
    worker = Worker(settings_for(topics))
    worker._over = asyncio.Event()
    worker._fail(PublishFailed("first"))
    worker._fail(ValueError("second"))
    assert worker._health.unhealthy() == "failed: first"
    assert "second" not in caplog.text

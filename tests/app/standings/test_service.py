"""Standings through one worker in this process, on a real broker: where they are kept, and what may go wrong there."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from app.ports import free_ports
from app.worker import Worker
from models.numpy_model import NumpyModel
from tests.app.kafka.harness import settings_for
from tests.app.running import Run, in_this_process
from tests.app.test_metrics import samples
from tests.broker.records import Record
from tests.broker.secure_kafka import PASSWORD, SecureKafka, secured_variables
from tests.broker.topics import Topics, fresh_topics

POISON, NAN = 13.0, 7.0
VARIABLES = {"RANK_BY": "standings", "MODEL_SCORE_COLUMN": "0", "RANK_TOP_K": "0"}

pytestmark = pytest.mark.needs_apache_kafka


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    in_this_process(monkeypatch)


class Model(NumpyModel):
    """A row's only score is its first feature."""

    def __init__(self) -> None:
        super().__init__(classes=1, poison=POISON, nan=NAN)
        self.weights[:] = 0
        self.weights[0] = 1
        self.bias[:] = 0


@asynccontextmanager
async def running(topics: Topics, **variables: str) -> AsyncIterator[Run]:
    port = free_ports(1)[0]
    given = {"HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(port), **VARIABLES, **variables}
    run = Run(Worker(settings_for(topics, **given), lambda *_: Model()), port)
    try:
        yield run
    finally:
        if not run.task.done():
            run.worker._over.set()
            await run.ended()


def told(group: str, member: str, score: float, partition: int = 0, **more: Any) -> Record:
    value = {"group": group, "member": member, "features": [score, 0, 0, 0], **more}
    return Record(json.dumps(value).encode(), key=group.encode(), partition=partition)


def state_topic(topics: Topics) -> str:
    return f"{topics.input}.{topics.group}.standings"


async def write(topics: Topics, *records: Record) -> None:
    await asyncio.to_thread(topics.client.write, topics.input, records)


async def committed(topics: Topics, goal: Mapping[int, int] | None = None) -> None:
    await asyncio.to_thread(topics.client.wait_until_committed, topics.input, topics.group, goal)


async def outputs(topics: Topics) -> list[Record]:
    return await asyncio.to_thread(topics.client.read_all, topics.output)


def ranking(record: Record) -> list[tuple[str, float, int | None]]:
    return [(each["label"], each["score"], each["change"]) for each in json.loads(record.value or b"")["predictions"]]


def config_of(topics: Topics, name: str) -> str:
    admin = AdminClient({"bootstrap.servers": topics.client.bootstrap_servers})
    (answer,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)]).values()
    return str(answer.result(30)["cleanup.policy"].value)


async def test_the_topic_is_made_and_the_next_worker_goes_on_where_this_one_stopped(topics: Topics):
    async with running(topics) as run:
        await run.ready()
        assert await asyncio.to_thread(config_of, topics, state_topic(topics)) == "compact"
        assert await asyncio.to_thread(topics.client.partitions, state_topic(topics)) == [0, 1, 2, 3]
        await write(topics, told("g", "a", 1), told("h", "x", 5, partition=1))
        await run.until(lambda: samples(run.worker._metrics)["streamrank_records_total", "published"] == 2)
        await write(topics, told("g", "b", 2))
        await run.until(lambda: samples(run.worker._metrics)["streamrank_records_total", "published"] == 3)
        assert samples(run.worker._metrics)["streamrank_standings_members",] == 3
        assert samples(run.worker._metrics)["streamrank_standings_groups",] == 2
        assert run.health.status()["standings"] == {"topic": state_topic(topics), "groups": 2, "members": 3}
        assert await run.stop() == 0
    async with running(topics) as run:
        await write(topics, told("g", "a", 3))
        await run.ready()
        await run.until(lambda: samples(run.worker._metrics)["streamrank_records_total", "published"] == 1)
        assert await run.stop() == 0
    last = [each for each in await outputs(topics) if each.partition == 0][-1]
    assert ranking(last) == [("a", 3.0, 1), ("b", 2.0, -1)]
    assert json.loads(last.value or b"")["group"] == "g"


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
@pytest.mark.parametrize("bad", [POISON, NAN])
async def test_a_bad_record_that_stands_for_others_costs_its_member_nothing(topics: Topics, guarantee: str, bad: float):
    scores = [1.0, 2.0, bad, bad, 3.0, bad]
    await write(topics, *(told("g", "a", score) for score in scores), told("g", "b", 0))
    async with running(topics, PROCESSING_GUARANTEE=guarantee) as run:
        await run.ready()
        await committed(topics)
        await write(topics, told("g", "a", 9), told("g", "b", 8))
        await committed(topics)
        assert await run.stop() == 0
    letters = await asyncio.to_thread(topics.client.read_all, topics.dead_letters)
    assert {json.loads(each.value or b"")["features"][0] for each in letters} == {bad}
    found = await outputs(topics)
    assert [("b", 0.0, None) in ranking(each) and ("a", 3.0, 0) in ranking(each) for each in found].count(True) >= 1
    assert [each[:2] for each in ranking(found[-1])] == [("a", 9.0), ("b", 8.0)]
    offsets = sorted(int(dict(each.headers)["source-offset"]) for each in [*found, *letters])
    stood = [dict(each.headers).get("superseded-offsets") for each in found]
    if guarantee == "exactly_once":
        assert len(letters) == 3
        assert offsets == sorted(set(offsets))
    assert set(offsets) | ({7} if b"7" in stood else set()) == set(range(9))


async def test_transactions_that_only_leave_markers_harm_nobody_who_conflates(topics: Topics):
    producer = AIOKafkaProducer(bootstrap_servers=topics.client.bootstrap_servers, transactional_id=topics.group)
    await producer.start()

    async def transaction(score: float, keep: bool) -> None:
        await producer.begin_transaction()
        record = told("g", "a", score)
        await producer.send_and_wait(topics.input, record.value, key=record.key, partition=0)
        await (producer.commit_transaction() if keep else producer.abort_transaction())

    try:
        async with running(topics, PROCESSING_GUARANTEE="exactly_once") as run:
            await run.ready()
            for done, (score, keep) in enumerate(((1, True), (2, False), (3, False), (4, True), (5, False)), 1):
                await transaction(score, keep)
                # A record and a marker each; that one is written a moment later, so the topic's end tells no goal.
                await committed(topics, {0: 2 * done})
            assert await run.stop() == 0
    finally:
        await producer.stop()
    assert [ranking(each) for each in await outputs(topics)] == [[("a", 1.0, None)], [("a", 4.0, 0)]]


async def test_a_tombstone_is_passed_on_and_ends_its_group(topics: Topics):
    async with running(topics) as run:
        await run.ready()
        await write(topics, told("g", "a", 1), told("h", "x", 1), Record(None, key=b"g", partition=0))
        await committed(topics)
        await run.until(lambda: samples(run.worker._metrics)["streamrank_standings_groups",] == 1)
        assert await run.stop() == 0
    last = (await outputs(topics))[-1]
    assert (last.key, last.value, dict(last.headers)["source-offset"]) == (b"g", None, b"2")
    kept = await asyncio.to_thread(topics.client.read_all, state_topic(topics))
    assert [(json.loads(each.key or b""), each.value) for each in kept if each.value is None] == [(["g", "a"], None)]


async def test_groups_time_out(topics: Topics):
    async with running(topics, STANDINGS_TTL_SECONDS="0.3") as run:
        await run.ready()
        await write(topics, told("g", "a", 1))
        await committed(topics)
        await run.until(lambda: samples(run.worker._metrics)["streamrank_standings_groups",] == 0)
        await write(topics, told("g", "b", 1))
        await committed(topics)
        assert await run.stop() == 0
    assert ranking((await outputs(topics))[-1]) == [("b", 1.0, None)]
    kept = await asyncio.to_thread(topics.client.read_all, state_topic(topics))
    assert {json.dumps(json.loads(each.key or b"")): each.value is None for each in kept}['["g", "a"]']


async def test_what_the_input_gains_in_partitions_the_topic_gains_too(topics: Topics):
    async with running(topics) as run:
        await run.ready()
        assert await run.stop() == 0
    for name in (topics.input, topics.output, topics.dead_letters):
        await asyncio.to_thread(topics.client.grow, name, 6)
    await write(topics, told("g", "a", 1, partition=5))
    async with running(topics) as run:
        await run.ready()
        assert await asyncio.to_thread(topics.client.partitions, state_topic(topics)) == [*range(6)]
        await committed(topics)
        assert await run.stop() == 0
    assert ranking((await outputs(topics))[-1]) == [("a", 1.0, None)]


async def test_partitions_that_the_input_gains_while_a_worker_runs_are_ranked_too(topics: Topics):
    async with running(topics) as run:
        await run.ready()
        for name in (topics.input, topics.output, topics.dead_letters):
            await asyncio.to_thread(topics.client.grow, name, 6)
        await write(topics, told("g", "a", 1, partition=5))
        async with asyncio.timeout(90):  # both look for partitions every 30 s
            while samples(run.worker._metrics)["streamrank_records_total", "published"] < 1:
                assert not run.task.done()
                await asyncio.sleep(0.1)
        assert await run.stop() == 0
    assert ranking((await outputs(topics))[-1]) == [("a", 1.0, None)]


async def test_standings_begin_anew_when_the_input_was_made_anew(topics: Topics):
    async with running(topics) as run:
        await run.ready()
        await write(topics, *(told("g", member, 1) for member in "abc"))
        await committed(topics)
        assert await run.stop() == 0
    await asyncio.to_thread(topics.client.delete, topics.input)
    await asyncio.to_thread(topics.client.create, topics.input)
    await asyncio.to_thread(topics.client.commit, topics.input, topics.group, dict.fromkeys(range(4), 0))
    for _ in range(2):  # also what is kept then is right
        await write(topics, told("g", "b", 2))
        async with running(topics) as run:
            await run.ready()
            await committed(topics)
            assert await run.stop() == 0
    assert [each[:2] for each in ranking((await outputs(topics))[-1])] == [("b", 2.0)]


async def test_a_topic_that_is_not_compacted_or_not_ours_ends_the_worker(
    topics: Topics, caplog: pytest.LogCaptureFixture
):
    other = f"{topics.input}.other"
    await asyncio.to_thread(topics.client.create, other)
    async with running(topics, STANDINGS_TOPIC=other) as run:
        assert await run.ended() == 1
    assert f"{other} keeps standings, and its cleanup.policy is delete" in caplog.text
    assert f"kafka-configs.sh --alter --entity-type topics --entity-name {other}" in caplog.text
    caplog.clear()
    ours = f"{topics.input}.ours"
    await asyncio.to_thread(topics.client.create, ours, config={"cleanup.policy": "compact"})
    await asyncio.to_thread(topics.client.write, ours, [Record(b"{}", key=b"whose", partition=2)])
    async with running(topics, STANDINGS_TOPIC=ours) as run:
        assert await run.ended() == 1
    assert f"{ours}[2]@0: no key of ours" in caplog.text
    assert "Set STANDINGS_TOPIC to a topic that nobody else writes to" in caplog.text
    await asyncio.to_thread(topics.client.delete, other, ours)


async def test_a_topic_that_may_not_be_made_ends_the_start_with_the_command_to_run(
    secure_kafka: SecureKafka, caplog: pytest.LogCaptureFixture
):
    with fresh_topics(secure_kafka) as topics:
        secure_kafka.reserve(ResourceType.TOPIC, state_topic(topics), user="somebody-else")
        secured = secured_variables(secure_kafka, PASSWORD)
        async with running(topics, **secured) as run:
            assert await run.ended() == 1
        creation = (
            f"kafka-topics.sh --create --topic {state_topic(topics)} --config cleanup.policy=compact --partitions 4"
        )
        assert creation in caplog.text
        assert "grant Read, Write and Describe on it" in caplog.text


async def test_of_a_topic_that_may_not_be_seen_nobody_is_told_that_it_is_missing(
    secure_kafka: SecureKafka, caplog: pytest.LogCaptureFixture
):
    with fresh_topics(secure_kafka) as topics:
        ours = state_topic(topics)
        await asyncio.to_thread(topics.client.create, ours, config={"cleanup.policy": "compact"})
        secure_kafka.reserve(ResourceType.TOPIC, ours, user="somebody-else")
        async with running(topics, **secured_variables(secure_kafka, PASSWORD)) as run:
            assert await run.ended() == 1
        assert f"{ours} keeps standings, and cannot be seen" in caplog.text
        assert "grant Read, Write and Describe on it, and if there is no such topic, run\n" in caplog.text
        assert f"kafka-topics.sh --create --topic {ours}" in caplog.text

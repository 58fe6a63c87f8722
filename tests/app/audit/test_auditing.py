"""The audit on real topics."""

import asyncio
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.protocol.admin import DescribeConfigsRequest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from confluent_kafka import Producer

from app.audit import auditing
from app.audit.auditing import audit
from app.audit.report import Report
from app.kafka.client import Client
from app.kafka.visit import VisitFailed
from tests.app.audit.answers import answer, answer_all, fill
from tests.app.kafka.test_fetched import Latin1
from tests.broker.proxy import Proxy
from tests.broker.records import COMMON, Record
from tests.broker.topics import Topics, fresh_topics


async def audited(topics: Topics, **options: Any) -> Report:
    where: dict[str, Any] = {"bootstrap_servers": topics.client.bootstrap_servers, **options}
    return await audit(input_topic=topics.input, output_topics=[topics.output, topics.dead_letters], **where)


def transactional(topics: Topics) -> Producer:
    settings = {**COMMON, "bootstrap.servers": topics.client.bootstrap_servers, "transactional.id": topics.group}
    producer = Producer(settings)
    producer.init_transactions(60)
    return producer


def send(producer: Producer, topic: str, *records: Record) -> None:
    for record in records:
        producer.produce(topic, record.value, partition=record.partition, headers=list(record.headers))
    assert producer.flush(60) == 0


@pytest.fixture(params=["kafka", "tansu"])
def either(request: pytest.FixtureRequest) -> Iterator[Topics]:
    """Topics on each kind of broker."""
    with fresh_topics(request.getfixturevalue(request.param)) as topics:
        yield topics


def untold(topics: Topics) -> tuple[str, ...]:
    """What is noted where a broker does not tell which topics are compacted, as the embedded one."""
    if topics.client.broker.transactions:
        return ()
    return (
        f"the broker does not tell whether {topics.input} is compacted (may this user ask? it takes DescribeConfigs): "
        "answers to offsets that it does not have are taken for answers to what it has deleted",
    )


async def test_records_that_are_all_ranked_or_dead_lettered_once_satisfy_both_guarantees(either: Topics):
    fill(either, 100)
    for partition in range(4):
        answer_all(either, either.dead_letters, partition, range(0, 100, 10))
        answer_all(either, either.output, partition, [offset for offset in range(100) if offset % 10])
    for guarantee in ("at_least_once", "exactly_once"):
        report = await audited(either, guarantee=guarantee)
        assert (report.ok, report.violations, report.strangers) == (True, (), {})
        assert report.notes == untold(either)
        assert {number: each.answered for number, each in report.accounts.items()} == dict.fromkeys(range(4), 100)


async def test_topics_without_records_are_in_order(either: Topics):
    assert (await audited(either)).ok


async def test_everything_that_is_wrong_is_found_where_it_is(topics: Topics):
    fill(topics, 20)
    answer_all(topics, topics.output, 0, [*range(5), *range(9, 20)])
    answer_all(topics, topics.output, 1, [0, 1, 2, 3, 2, 3, *range(4, 20)])
    answer_all(topics, topics.output, 2, [0, 2, 1, *range(3, 20), 20, 999])
    answer_all(topics, topics.output, 3, range(20))
    answer_all(topics, topics.dead_letters, 3, [7])
    strange = [
        Record(b"nobody's", partition=3),
        answer(topics, 3, 5, topic="another"),
        Record(b"nobody's", partition=3),
    ]
    topics.client.write(topics.output, [*strange, answer(topics, 17, 0, place=0)])

    report = await audited(topics, guarantee="exactly_once")
    accounts = report.accounts
    assert {number: list(each.missing) for number, each in accounts.items() if each.missing} == {0: [(5, 8)]}
    assert {number: list(each.duplicated) for number, each in accounts.items() if each.duplicated} == {
        1: [(2, 3)],
        3: [(7, 7)],
    }
    assert {number: dict(each.disordered) for number, each in accounts.items() if each.disordered}.keys() == {2}
    assert list(accounts[2].disordered[f"{topics.output}[2]"]) == [(1, 1)]
    assert {number: list(each.foreign) for number, each in accounts.items() if each.foreign} == {
        2: [(20, 20), (999, 999)],
        17: [(0, 0)],
    }
    assert {place: list(ranges) for place, ranges in report.strangers.items()} == {f"{topics.output}[3]": [(20, 22)]}
    assert report.violations == (
        "4 records without an answer",
        "3 records answered more than once",
        "1 answer out of order",
        f"3 offsets named that {topics.input} does not have",
        f"3 outputs naming no record of {topics.input}",
    )


async def test_what_is_answered_again_breaks_only_exactly_once(topics: Topics):
    fill(topics, 5)
    for partition in range(4):
        answer_all(topics, topics.output, partition, [0, 1, 2, 1, 2, 3, 4])
    assert (await audited(topics, guarantee="at_least_once")).ok
    assert (await audited(topics, guarantee="exactly_once")).violations == ("8 records answered more than once",)


@pytest.mark.needs_apache_kafka
async def test_of_transactions_only_what_was_committed_counts(topics: Topics):
    producer = transactional(topics)
    for ends_well in (True, False, True):
        producer.begin_transaction()
        send(producer, topics.input, *[Record(b"{}", partition=0)] * 3)
        (producer.commit_transaction if ends_well else producer.abort_transaction)(60)
    # Offsets 0-2 and 8-10 are records, 3, 7 and 11 are markers, 4-6 were aborted.
    producer.begin_transaction()
    send(producer, topics.output, *(answer(topics, 0, offset) for offset in (0, 1, 2)))
    producer.abort_transaction(60)
    producer.begin_transaction()
    send(producer, topics.output, *(answer(topics, 0, offset) for offset in (0, 1, 2, 5, 7, 8)))
    producer.commit_transaction(60)

    account = (await audited(topics, guarantee="exactly_once")).accounts[0]
    assert (account.records, account.answered, account.repeats) == (6, 4, 0)
    assert list(account.missing) == [(9, 10)]
    assert list(account.foreign) == [(5, 5), (7, 7)]
    account = (await audited(topics, isolation="read_uncommitted")).accounts[0]
    assert (account.records, account.repeats) == (9, 3)
    assert list(account.foreign) == [(7, 7)]


@pytest.mark.needs_apache_kafka
async def test_a_transaction_that_is_still_open_is_waited_for(topics: Topics):
    fill(topics, 1)
    producer = transactional(topics)
    producer.begin_transaction()
    send(producer, topics.output, *(answer(topics, partition, 0) for partition in range(4)))
    with pytest.raises(VisitFailed, match=r"\.out\[0\]@0: a transaction is open there"):
        await audited(topics, patience_seconds=1)
    reading = asyncio.Event()
    waiting = asyncio.create_task(audited(topics, on_progress=lambda *_: reading.set()))
    await reading.wait()
    await asyncio.to_thread(producer.commit_transaction, 60)
    assert (await waiting).ok


@pytest.mark.needs_apache_kafka
async def test_what_the_broker_has_deleted_is_neither_missing_nor_foreign(topics: Topics):
    fill(topics, 10)
    for partition in range(4):
        answer_all(topics, topics.output, partition, range(10))
    topics.client.delete_records(topics.input, 1, 4)
    report = await audited(topics, guarantee="exactly_once")
    assert report.ok
    account = report.accounts[1]
    assert (account.span.start, account.records, account.earlier) == (4, 6, 4)


@pytest.mark.needs_apache_kafka
async def test_what_is_deleted_while_the_audit_reads_is_not_missing_either(topics: Topics):
    fill(topics, 10)
    for partition in range(4):
        answer_all(topics, topics.output, partition, range(10))
    deleted = []

    def delete(partition: str, *_: object) -> None:
        if not deleted and partition == f"{topics.input}[0]":
            deleted.append(partition)
            topics.client.delete_records(topics.input, 3, 6)

    report = await audited(topics, on_progress=delete)
    assert report.ok
    assert (report.accounts[3].records, report.accounts[3].earlier) == (4, 6)


@pytest.mark.needs_apache_kafka
async def test_what_is_deleted_together_with_its_answers_while_the_audit_reads_is_not_missing(topics: Topics):
    fill(topics, 10)
    for partition in range(4):
        answer_all(topics, topics.output, partition, range(10))
    deleted = []

    def delete(partition: str, *_: object) -> None:
        if not deleted and partition == f"{topics.output}[0]":
            deleted.append(partition)
            topics.client.delete_records(topics.input, 3, 6)
            topics.client.delete_records(topics.output, 3, 6)

    report = await audited(topics, on_progress=delete)
    assert report.ok
    assert (report.accounts[3].records, report.accounts[3].missing.count) == (4, 0)


@pytest.mark.needs_apache_kafka
async def test_of_records_before_a_time_nothing_is_asked(topics: Topics):
    now = int(time.time() * 1000)
    old = [Record(b"old", partition=partition, timestamp=now - 60_000) for partition in range(4)]
    topics.client.write(topics.input, old * 3)
    topics.client.write(topics.input, [Record(b"new", partition=0, timestamp=now)] * 2)
    answer_all(topics, topics.output, 0, [2, 3, 4])
    report = await audited(topics, since_ms=now - 30_000)
    assert (report.ok, report.violations) == (True, ())
    account = report.accounts[0]
    assert (account.span.start, account.records, account.earlier) == (3, 2, 1)
    assert [report.accounts[partition].records for partition in (1, 2, 3)] == [0, 0, 0]
    assert not (await audited(topics)).ok


@pytest.mark.needs_apache_kafka
async def test_where_nobody_tells_whether_a_topic_is_compacted_nothing_is_held_against_its_answers(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
):
    ask = Client.request

    async def denied(client: Client, node: int, request: Any, **how: Any) -> Any:
        if isinstance(request, DescribeConfigsRequest):
            return SimpleNamespace(resources=[(TopicAuthorizationFailedError.errno, "denied", 2, topics.input, [])])
        return await ask(client, node, request, **how)

    monkeypatch.setattr(Client, "request", denied)
    report = await audited(topics)
    assert report.ok
    assert "does not tell whether" in report.notes[0]
    assert "it takes DescribeConfigs" in report.notes[0]


@pytest.mark.needs_apache_kafka
async def test_answers_that_the_broker_has_deleted_leave_their_records_missing_and_the_report_says_why(topics: Topics):
    fill(topics, 10)
    for partition in range(4):
        answer_all(topics, topics.output, partition, range(10))
    topics.client.delete_records(topics.output, 2, 3)
    report = await audited(topics)
    assert list(report.accounts[2].missing) == [(0, 2)]
    assert report.notes == (
        f"{topics.output}[2] begins at offset 3: answers before that are deleted, their records count as missing; "
        "--since TIME leaves them out",
    )


@pytest.mark.needs_apache_kafka
async def test_in_a_compacted_input_an_offset_without_a_record_may_have_been_one(topics: Topics):
    compacted = f"{topics.input}-compacted"
    topics.client.create(compacted, partitions=1, config={"cleanup.policy": "compact"})
    producer = transactional(topics)
    producer.begin_transaction()
    producer.produce(compacted, b"{}", key=b"k", partition=0)
    producer.flush(60)
    producer.abort_transaction(60)
    topics.client.write(topics.output, [answer(topics, 0, 0, topic=compacted)])
    report = await audit(topics.client.bootstrap_servers, compacted, [topics.output])
    assert report.ok
    assert report.accounts[0].earlier == 1
    report = await audit(topics.client.bootstrap_servers, topics.input, [compacted])
    assert report.notes == (f"{compacted} is compacted: records whose answers were replaced count as missing",)
    topics.client.delete(compacted)


async def test_up_to_what_is_committed_the_rest_need_not_be_answered(either: Topics):
    fill(either, 10)
    for partition in range(3):
        answer_all(either, either.output, partition, range(8))
    either.client.commit(either.input, either.group, {0: 5, 1: 8, 2: 9})
    report = await audited(either, committed_by=either.group)
    assert {number: list(each.missing) for number, each in report.accounts.items() if each.missing} == {2: [(8, 8)]}
    assert [(each.span.stop, each.later) for each in report.accounts.values()] == [(5, 3), (8, 0), (9, 0), (0, 0)]
    assert report.notes == (
        f"nothing of {either.input}[3] is committed, so nothing of it is looked at",
        *untold(either),
    )


async def test_a_group_that_has_committed_nothing_is_probably_misspelt(topics: Topics):
    with pytest.raises(VisitFailed, match=rf"the group nobody has committed nothing of {topics.input}; is it"):
        await audited(topics, committed_by="nobody")


async def test_what_is_written_after_the_start_does_not_count(topics: Topics):
    fill(topics, 5)
    for partition in range(4):
        answer_all(topics, topics.output, partition, range(5))
    written = []

    def write(*_: object) -> None:
        if not written:
            written.append(True)
            fill(topics, 1)
            answer_all(topics, topics.output, 0, [0])

    report = await audited(topics, guarantee="exactly_once", on_progress=write)
    assert report.ok
    assert [each.records for each in report.accounts.values()] == [5] * 4


async def test_a_header_name_that_is_not_utf8_stops_no_audit(topics: Topics):
    async with AIOKafkaProducer(bootstrap_servers=topics.client.bootstrap_servers) as producer:
        batch: Any = producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 1_000_000)
        for _ in range(3):
            batch.append(key=None, value=b"{}", timestamp=1_000, headers=[(Latin1("größe"), b"v")])
        batch.close()
        await (await producer.send_batch(batch, topics.input, partition=0))
    answer_all(topics, topics.output, 0, range(3))
    report = await audited(topics)
    assert report.ok
    assert report.accounts[0].records == 3


async def test_a_topic_that_is_not_there_is_named(topics: Topics):
    for missing in ("input_topic", "output_topics"):
        names: dict[str, Any] = {"input_topic": topics.input, "output_topics": [topics.output]}
        names[missing] = "nowhere" if missing == "input_topic" else [topics.output, "nowhere"]
        with pytest.raises(VisitFailed, match="there is no topic nowhere"):
            await audit(topics.client.bootstrap_servers, **names)
    assert "nowhere" not in topics.client.names()


async def test_without_a_broker_there_is_no_report():
    with pytest.raises(VisitFailed, match=r"no broker can be reached: 127\.0\.0\.1:1: Connection refused"):
        await audit("127.0.0.1:1", "in", ["out"])


@pytest.mark.needs_apache_kafka
async def test_a_broker_that_goes_away_meanwhile_ends_the_audit(topics: Topics, proxy: Proxy):
    fill(topics, 5)
    with pytest.raises(VisitFailed, match="no broker can be reached"):
        await audited(
            topics,
            bootstrap_servers=proxy.bootstrap_servers,
            patience_seconds=1,
            on_progress=lambda *_: proxy.cut(),
        )


async def test_partitions_of_many_pieces_are_read_to_their_end(topics: Topics, monkeypatch: pytest.MonkeyPatch):
    # A broker gives a whole batch, however little is asked for.
    monkeypatch.setattr(auditing, "FETCH_BYTES", 1)
    for _ in range(20):
        fill(topics, 25)
    steps: list[tuple[str, int, int]] = []
    for partition in range(4):
        answer_all(topics, topics.output, partition, range(500))
    report = await audited(topics, on_progress=lambda *step: steps.append(step))
    assert report.ok
    mine = [step for step in steps if step[0] == f"{topics.input}[0]"]
    assert mine[-1] == (f"{topics.input}[0]", 500, 500)
    assert len(mine) == 20

"""An audit, from the topics to the report."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from app.audit.book import Span
from app.audit.failure import AuditFailed
from app.audit.ledger import Ledger
from app.audit.provenance import answered
from app.audit.questions import committed, is_compacted
from app.audit.ranges import Ranges
from app.audit.reader import Reader, name
from app.audit.report import Guarantee, Report

Stops = Mapping[TopicPartition, int]
OnProgress = Callable[[str, int, int], None]


async def audit(
    bootstrap_servers: str | Sequence[str],
    input_topic: str,
    output_topics: Sequence[str],
    *,
    guarantee: str = Guarantee.AT_LEAST_ONCE,
    committed_by: str | None = None,
    since_ms: int | None = None,
    isolation: str = "read_committed",
    on_progress: OnProgress = lambda _partition, _done, _total: None,
    **connection: Any,
) -> Report:
    """Compare what *input_topic* holds with what the answers in *output_topics* say became of it.

    How far is read is settled at the start; what is written later does not count. Nothing is changed, and no consumer
    group is joined.

    Args:
        bootstrap_servers: `host:port` of brokers.
        input_topic: where the records are.
        output_topics: where the answers are: predictions and dead letters.
        guarantee: `at_least_once` or `exactly_once`.
        committed_by: the group that must have answered what it has committed; None: all records must be answered.
        since_ms: milliseconds since the epoch; records with an earlier timestamp are not looked at.
        isolation: with `read_uncommitted` also what open and aborted transactions wrote counts.
        on_progress: told now and then which partition is being read, how many offsets are done, and of how many.
        connection: further arguments of aiokafka's clients, such as `security_protocol`.

    Raises:
        AuditFailed: what is to be compared cannot be read.
    """
    judged_by = Guarantee(guarantee)
    where = {"bootstrap_servers": bootstrap_servers, **connection}
    try:
        async with Reader(isolation, **where) as reader:
            source = await reader.partitions(input_topic)
            outputs = [partition for topic in output_topics for partition in await reader.partitions(topic)]
            # First what must be answered, then where the answers end, at last what there is to be named: in this order
            # nothing that the service does meanwhile looks like a fault.
            stops = await (reader.ends(source) if committed_by is None else _committed(committed_by, source, where))
            output_stops = await reader.ends(outputs)
            spans = await _spans(reader, source, stops, since_ms)
            compacted = await is_compacted(input_topic, **where)
            ledger = Ledger(
                {partition.partition: span for partition, span in spans.items()}, holes=compacted is not False
            )
            await _read_input(reader, spans, ledger, on_progress)
            strangers = await _read_answers(reader, input_topic, output_stops, ledger, on_progress)
            # At the end, since answers go together with what they answer.
            for partition, start in (await reader.starts(source)).items():
                ledger.delete(partition.partition, start)
            notes = [*_uncommitted(source, stops), *_unknown(input_topic, compacted)]
            notes += await _gone(reader, outputs, where, since_ms)
    except KafkaError as error:
        raise AuditFailed(f"the topics could not be read: {error}") from error
    return Report(input_topic, judged_by, ledger.accounts(), strangers, tuple(notes))


async def _committed(group: str, source: Collection[TopicPartition], where: Mapping[str, Any]) -> Stops:
    """How far *group* has committed each partition; those that it has not are left out."""
    offsets = await committed(group, source, **where)
    found = {partition: offset for partition, offset in offsets.items() if offset is not None}
    if not found:
        topic = next(iter(source)).topic
        raise AuditFailed(f"the group {group} has committed nothing of {topic}; is it the service's CONSUMER_GROUP?")
    return found


async def _spans(
    reader: Reader, source: Collection[TopicPartition], stops: Stops, since_ms: int | None
) -> dict[TopicPartition, Span]:
    starts, ends = await reader.starts(source), await reader.ends(source)
    if since_ms is not None:
        found = await reader.offsets_at(source, since_ms)
        starts = {each: max(starts[each], found.get(each, ends[each])) for each in source}
    return {
        each: Span(starts[each], max(starts[each], min(stops.get(each, 0), ends[each])), ends[each]) for each in source
    }


def _uncommitted(source: Collection[TopicPartition], stops: Stops) -> Iterator[str]:
    for partition in source:
        if partition not in stops:
            yield f"nothing of {name(partition)} is committed, so nothing of it is looked at"


def _unknown(topic: str, compacted: bool | None) -> Iterator[str]:
    if compacted is None:
        yield (
            f"the broker does not tell whether {topic} is compacted (grant DescribeConfigs): answers to offsets that "
            "it does not have are taken for answers to what it has deleted"
        )


async def _gone(
    reader: Reader, outputs: Collection[TopicPartition], where: Mapping[str, Any], since_ms: int | None
) -> list[str]:
    """Say where answers may have been that are there no more."""
    starts = await reader.starts(outputs)
    advice = "" if since_ms is not None else "; --since TIME leaves them out"
    gone = [
        f"{name(partition)} begins at offset {start}: answers before that are deleted, their records count as missing"
        f"{advice}"
        for partition, start in starts.items()
        if start > 0
    ]
    topics = dict.fromkeys(partition.topic for partition in outputs)
    compacted = [topic for topic in topics if await is_compacted(topic, **where)]
    return gone + [f"{topic} is compacted: records whose answers were replaced count as missing" for topic in compacted]


async def _read_input(
    reader: Reader, spans: Mapping[TopicPartition, Span], ledger: Ledger, on_progress: OnProgress
) -> None:
    for partition, span in spans.items():
        async for position, records in reader.read(partition, span.stop, start=span.start):
            offsets = (record.offset for record in records)
            ledger.record(partition.partition, np.fromiter(offsets, np.int64, len(records)))
            on_progress(name(partition), position - span.start, span.stop - span.start)


async def _read_answers(
    reader: Reader, input_topic: str, stops: Stops, ledger: Ledger, on_progress: OnProgress
) -> dict[str, Ranges]:
    """Tell *ledger* all answers, and return, by output partition, what is none to the input topic."""
    topic = input_topic.encode()
    strangers = {}
    for partition, stop in stops.items():
        place = ledger.place(name(partition))
        others: list[int] = []
        async for position, records in reader.read(partition, stop):
            named = [answered(record.headers, topic) for record in records]
            others += [record.offset for record, source in zip(records, named, strict=True) if source is None]
            pairs = np.array([source for source in named if source is not None], np.int64).reshape(-1, 2)
            place.answer(pairs[:, 0], pairs[:, 1])
            on_progress(name(partition), position, stop)
        if others:
            strangers[name(partition)] = Ranges.of(np.array(others, np.int64))
    return strangers

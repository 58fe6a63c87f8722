"""An audit, from the topics to the report."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from aiokafka import TopicPartition

from app.audit.book import Span
from app.audit.ledger import Ledger
from app.audit.provenance import answered, stands_for
from app.audit.ranges import Ranges
from app.audit.report import Guarantee, Report
from app.kafka import reader as kafka
from app.kafka.client import Client
from app.kafka.committed import GroupOffsets
from app.kafka.questions import is_compacted
from app.kafka.reader import TopicReader
from app.kafka.security import Security
from app.kafka.visit import UNREACHABLE, VisitFailed, visit
from config.settings import SecuritySettings

# Longest that nothing new comes before the audit gives up; more than an abandoned transaction lives by default.
PATIENCE_SECONDS = 90.0
FETCH_BYTES = 8 * 1024 * 1024

OnProgress = Callable[[str, int, int], None]
Spans = Mapping[int, kafka.Span]


async def audit(
    bootstrap_servers: str | Sequence[str],
    input_topic: str,
    output_topics: Sequence[str],
    *,
    guarantee: str = Guarantee.AT_LEAST_ONCE,
    committed_by: str | None = None,
    since_ms: int | None = None,
    isolation: str = "read_committed",
    security: Security | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
    on_progress: OnProgress = lambda _partition, _done, _total: None,
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
        security: how to connect; None: in plain text.
        patience_seconds: how long brokers may fail to answer, and a transaction that is in the way may stay open.
        on_progress: told now and then which partition is being read, how many offsets are done, and of how many.

    Raises:
        VisitFailed: what is to be compared cannot be read.
    """
    judged_by = Guarantee(guarantee)
    servers = [bootstrap_servers] if isinstance(bootstrap_servers, str) else bootstrap_servers
    security = security or Security(SecuritySettings.model_validate({}))
    async with visit(servers, security, [input_topic, *output_topics]) as client:

        def reading(topic: str) -> TopicReader:
            committed = isolation == "read_committed"
            return TopicReader(
                client, topic, committed=committed, fetch_bytes=FETCH_BYTES, patience_seconds=patience_seconds
            )

        source, outputs = reading(input_topic), [reading(topic) for topic in output_topics]
        # First what must be answered, then where the answers end, at last what there is to be named: in this order
        # nothing that the service does meanwhile looks like a fault.
        stops = await _stops(client, source, committed_by)
        answers = {output: await output.spans(settled=False) for output in outputs}
        spans = await _spans(source, stops, since_ms)
        compacted = await is_compacted(client, input_topic)
        ledger = Ledger(spans, holes=compacted is not False)
        await _read_input(source, spans, ledger, on_progress)
        strangers = await _read_answers(input_topic, answers, ledger, on_progress)
        # At the end, since answers go together with what they answer.
        for partition, span in (await source.spans()).items():
            ledger.delete(partition, span.start)
        notes = [*_uncommitted(input_topic, spans, stops), *_unknown(input_topic, compacted)]
        notes += await _gone(client, outputs, since_ms)
    return Report(input_topic, judged_by, ledger.accounts(), strangers, tuple(notes))


async def _stops(client: Client, source: TopicReader, group: str | None) -> dict[int, int]:
    """Up to where records must be answered; partitions of which *group* has committed nothing are left out."""
    spans = await source.spans(settled=False)
    if group is None:
        return {partition: span.end for partition, span in spans.items()}
    offsets = GroupOffsets(client, group)
    found = {partition: await offsets.committed(TopicPartition(source.topic, partition)) for partition in spans}
    stops = {partition: offset for partition, offset in found.items() if offset is not None}
    if not stops:
        raise VisitFailed(
            f"the group {group} has committed nothing of {source.topic}; is it the service's CONSUMER_GROUP?",
            UNREACHABLE,
        )
    return stops


async def _spans(source: TopicReader, stops: Mapping[int, int], since_ms: int | None) -> dict[int, Span]:
    whole = await source.spans(settled=False)
    starts = {partition: span.start for partition, span in whole.items()}
    if since_ms is not None:
        found = await source.offsets_at(since_ms)
        starts = {each: max(start, found.get(each, whole[each].end)) for each, start in starts.items()}
    return {
        partition: Span(start, max(start, min(stops.get(partition, 0), whole[partition].end)), whole[partition].end)
        for partition, start in starts.items()
    }


def _uncommitted(topic: str, spans: Mapping[int, Span], stops: Mapping[int, int]) -> Iterator[str]:
    for partition in spans:
        if partition not in stops:
            yield f"nothing of {topic}[{partition}] is committed, so nothing of it is looked at"


def _unknown(topic: str, compacted: bool | None) -> Iterator[str]:
    if compacted is None:
        yield (
            f"the broker does not tell whether {topic} is compacted (may this user ask? it takes DescribeConfigs): "
            "answers to offsets that it does not have are taken for answers to what it has deleted"
        )


async def _gone(client: Client, outputs: Sequence[TopicReader], since_ms: int | None) -> list[str]:
    """Say where answers may have been that are there no more."""
    advice = "" if since_ms is not None else "; --since TIME leaves them out"
    gone = [
        f"{output.topic}[{partition}] begins at offset {span.start}: answers before that are deleted, their records "
        f"count as missing{advice}"
        for output in outputs
        for partition, span in (await output.spans()).items()
        if span.start > 0
    ]
    compacted = [output.topic for output in outputs if await is_compacted(client, output.topic)]
    return gone + [f"{topic} is compacted: records whose answers were replaced count as missing" for topic in compacted]


async def _read_input(source: TopicReader, spans: Mapping[int, Span], ledger: Ledger, on_progress: OnProgress) -> None:
    for partition, span in spans.items():
        async for records in source.chunks(partition, kafka.Span(span.start, span.stop)):
            offsets = (record.offset for record in records)
            ledger.record(partition, np.fromiter(offsets, np.int64, len(records)))
            done = records[-1].offset + 1 - span.start
            on_progress(f"{source.topic}[{partition}]", done, span.stop - span.start)


async def _read_answers(
    input_topic: str, answers: Mapping[TopicReader, Spans], ledger: Ledger, on_progress: OnProgress
) -> dict[str, Ranges]:
    """Tell *ledger* all answers, and return, by output partition, what is none to the input topic."""
    topic = input_topic.encode()
    strangers = {}
    for output, partition, span in ((output, *each) for output, spans in answers.items() for each in spans.items()):
        name = f"{output.topic}[{partition}]"
        place = ledger.place(name)
        others: list[int] = []
        async for records in output.chunks(partition, span):
            named = [answered(record.headers, topic) for record in records]
            others += [record.offset for record, source in zip(records, named, strict=True) if source is None]
            pairs = np.array([source for source in named if source is not None], np.int64).reshape(-1, 2)
            place.answer(pairs[:, 0], pairs[:, 1])
            for record, source in zip(records, named, strict=True):
                if source is not None:
                    for run in stands_for(record.headers):
                        place.stand_for(source[0], run)
            on_progress(name, records[-1].offset + 1, span.end)
        if others:
            strangers[name] = Ranges.of(np.array(others, np.int64))
    return strangers

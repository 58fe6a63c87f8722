"""What lies in real topics is read as it is, and the audit says the same."""

import asyncio

from tests.broker.records import Record
from tests.broker.topics import Topics
from tests.chaos.opinion import Opinion
from tests.chaos.reading import read
from tests.chaos.verdict import Source, judge
from tests.chaos.writer import Sort


def value(number: int) -> bytes:
    return b'{"id": "r%d", "features": [1]}' % number


def asked(number: int, sort: Sort = Sort.GOOD) -> Record:
    return Record(value(number), b"k%d" % number, (("sort", sort.encode()),), partition=0)


def answer(topics: Topics, to: int, record: Record) -> Record:
    headers = (
        *record.headers,
        ("source-topic", topics.input.encode()),
        ("source-partition", b"0"),
        ("source-offset", b"%d" % to),
        ("model-name", b"worker-0.1"),
    )
    return Record(record.value, record.key, headers, partition=0)


async def test_every_kind_of_wrong_answer_is_seen(topics: Topics):
    sorts = [Sort.GOOD, Sort.GOOD, Sort.GOOD, Sort.MALFORMED, Sort.POISON, Sort.GOOD]
    records = [asked(number, sort) for number, sort in enumerate(sorts)]
    right = [answer(topics, number, record) for number, record in enumerate(records)]
    swapped = answer(topics, 5, asked(0))
    topics.client.write(topics.input, records)
    # Record 0 late and twice, 1 in the wrong topic, 3 ranked, 4 with another's value, 5 with another's id; 2 is lost.
    topics.client.write(topics.output, [right[3], right[0], right[0], swapped])
    topics.client.write(topics.dead_letters, [right[1], answer(topics, 4, asked(3, Sort.POISON))])

    found = await asyncio.to_thread(read, topics)

    assert found.inputs == {Source(0, number): sort for number, sort in enumerate(sorts)}
    assert sorted(copy.source.offset for copy in found.misplaced) == [1, 3]
    assert sorted(copy.source.offset for copy in found.mixed_up) == [4, 5]
    verdict = judge(found.inputs, found.copies)
    assert (verdict.lost, verdict.duplicates) == ([Source(0, 2)], 1)
    assert [copy.source.offset for copy in verdict.out_of_order] == [0]
    assert Opinion.ours(verdict) == await asyncio.to_thread(Opinion.of_the_audit, topics)
    assert Opinion.ours(verdict) == Opinion(records=6, lost=1, duplicated=1, out_of_order=1, stray=0)

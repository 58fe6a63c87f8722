from dataclasses import replace

import pytest

from tests.broker.records import Record
from tests.broker.topics import TopicClient, fresh_topics

SENT = [
    Record(b"%d" % n, key=b"k%d" % (n % 7), headers=(("n", b"%d" % n), ("none", None)), timestamp=1_000 + n)
    for n in range(500)
]


@pytest.fixture(params=["kafka", "tansu"])
def client(request):
    client = TopicClient(request.getfixturevalue(request.param))
    yield client
    client.close()


@pytest.fixture
def topic(client):
    with fresh_topics(client.broker, partitions=3) as topics:
        yield topics.input


def test_what_was_written_is_read_back_with_keys_headers_and_timestamps(client, topic):
    places = client.write(topic, SENT)
    got = {(record.partition, record.offset): record for record in client.read_all(topic)}
    assert len(got) == len(SENT)
    for place, sent in zip(places, SENT, strict=True):
        assert got[place] == replace(sent, partition=place[0], offset=place[1])


def test_a_named_partition_is_where_the_record_goes(client, topic):
    sent = [Record(b"", partition=2), Record(None, b"key", partition=1), Record(b"", partition=2)]
    assert client.write(topic, sent) == [(2, 0), (1, 0), (2, 1)]
    assert client.end_offsets(topic) == {0: 0, 1: 1, 2: 2}


def test_reading_ends_at_the_deadline_with_what_came(client, topic):
    client.write(topic, SENT[:3])
    assert len(client.read(topic, 4, within=0.5)) == 3


def test_an_empty_topic_has_no_records_and_no_commits(client, topic):
    assert client.read_all(topic) == []
    assert client.committed_offsets(topic, "nobody") == {}


def test_fresh_topics_are_gone_afterwards(client):
    with fresh_topics(client.broker) as topics:
        assert client.partitions(topics.dead_letters) == [0, 1, 2, 3]
    assert not {topics.input, topics.output, topics.dead_letters} & set(client.names())

"""Which partition a record leaves for."""

import pytest

from app.kafka.routing import Router
from tests.broker.records import Record
from tests.broker.session import Broker
from tests.broker.topics import fresh_topics

# What Kafka's own unit tests expect of its murmur2.
JAVAS_HASHES = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


def router(**counts: int) -> Router:
    return Router(lambda topic: counts[topic], "source")


@pytest.mark.parametrize("key", [None, b"", b"k"])
def test_between_topics_with_equally_many_partitions_a_record_keeps_its_own(key: bytes | None):
    assert [router(source=4, out=4).partition("out", each, key) for each in range(4)] == [0, 1, 2, 3]
    assert router(source=4, out=4).is_aligned("out")


@pytest.mark.parametrize(("key", "java"), JAVAS_HASHES.items())
def test_otherwise_a_key_goes_where_javas_producer_sends_it(key: bytes, java: int):
    for count in (1, 3, 7, 1000):
        assert router(source=4, out=count).partition("out", 2, key) == (java & 0x7FFFFFFF) % count


def test_without_a_key_the_source_partition_is_spread_over_those_there_are():
    assert [router(source=6, out=4).partition("out", each, None) for each in range(6)] == [0, 1, 2, 3, 0, 1]
    assert [router(source=2, out=4).partition("out", each, None) for each in range(2)] == [0, 1]


def test_partitions_that_a_topic_gains_count_from_then_on():
    counts = {"source": 4, "out": 4}
    route = Router(counts.__getitem__, "source")
    assert route.partition("out", 3, b"abc") == 3
    counts["out"] = 5
    assert not route.is_aligned("out")
    assert route.partition("out", 3, b"abc") == JAVAS_HASHES[b"abc"] % 5


def test_keys_go_where_another_producer_sends_them(kafka: Broker):
    keys = [b"key-%d" % number for number in range(200)]
    with fresh_topics(kafka, partitions=7) as topics:
        written = topics.client.write(topics.output, [Record(b"", key=key) for key in keys])
    assert [router(source=4, out=7).partition("out", 0, key) for key in keys] == [partition for partition, _ in written]

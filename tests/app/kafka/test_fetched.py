"""What is taken out of a fetch: every record once, within the room there is, whatever its headers are called."""

import itertools
import random
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchBuilderPy
from hypothesis import given
from hypothesis import strategies as st

from app.kafka.fetched import FetchedBytes, take
from app.kafka.in_flight import Room
from tests.app.kafka.harness import Receiver, consuming
from tests.broker.topics import Topics

CODECS = {
    "none": DefaultRecordBatch.CODEC_NONE,
    "gzip": DefaultRecordBatch.CODEC_GZIP,
    "zstd": DefaultRecordBatch.CODEC_ZSTD,
}


class Latin1(str):
    """A header name as a client sends it that has never heard of UTF-8."""

    def encode(self, *_: str) -> bytes:
        return super().encode("latin-1")


class Sender:
    """Sends batches of ten records; one of each odd batch has a header name that is not UTF-8."""

    def __init__(self, topics: Topics, producer: AIOKafkaProducer, codec: int) -> None:
        self._topic, self._producer, self._codec = topics.input, producer, codec
        self._values = itertools.count()

    async def batch(self, *odd: int) -> None:
        batch: Any = self._producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(2, self._codec, 0, -1, -1, 0, 1_000_000)
        for place in range(10):
            names = ["plain", *([Latin1("größe"), "after"] if place in odd else [])]
            assert batch.append(
                key=None, value=b"%d" % next(self._values), timestamp=1_000, headers=[(name, b"v") for name in names]
            )
        batch.close()
        await (await self._producer.send_batch(batch, self._topic, partition=0))


@pytest.fixture(params=CODECS)
async def sender(request: pytest.FixtureRequest, topics: Topics):
    async with AIOKafkaProducer(bootstrap_servers=topics.client.bootstrap_servers) as producer:
        yield Sender(topics, producer, CODECS[request.param])


@pytest.mark.parametrize("chunk_records", [3, 512])
async def test_every_record_is_read_once_and_an_odd_header_name_as_javas_client_reads_it(
    topics: Topics, sender: Sender, chunk_records: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.kafka.consuming.CHUNK_RECORDS", 1)
    for odd in ((), (0,), (), (4, 5), (9,), ()):
        await sender.batch(*odd)
    receiver = Receiver()
    async with consuming(topics, receiver, BATCH_MAX_SIZE=str(chunk_records)) as receiver:
        await receiver.wait_for(lambda: len(receiver.records) >= 60)
    assert [(record.offset, record.value) for record in receiver.records] == [(i, b"%d" % i) for i in range(60)]
    plain, odd = (("plain", b"v"),), (("plain", b"v"), ("gr\ufffd\ufffde", b"v"), ("after", b"v"))
    assert [tuple(record.headers) for record in receiver.records] == [
        odd if place in (10, 34, 35, 49) else plain for place in range(60)
    ]
    assert max(map(len, receiver.chunks)) <= chunk_records
    for before, after in itertools.pairwise(receiver.chunks):
        assert before.end == after.start


def fetched(batches: list[list[int]], odd: set[int]) -> PartitionRecords:
    """Records with values of these sizes; those at the *odd* places have a header name that is not UTF-8."""
    data, place = b"", 0
    for sizes in batches:
        builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 10**6)
        for offset, size in enumerate(sizes):
            headers = [(Latin1("größe"), b"")] if place + offset in odd else []
            assert builder.append(offset, 1_000, key=None, value=b"x" * size, headers=headers)
        whole = builder.build()
        data += place.to_bytes(8, "big") + bytes(whole[8:])
        place += len(sizes)
    tp = TopicPartition("in", 0)
    return PartitionRecords(tp, FetchedBytes(data), [], 0, None, None, False, READ_UNCOMMITTED)


@given(
    batches=st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=6), min_size=1, max_size=6),
    odd=st.sets(st.integers(0, 35), max_size=4),
    dice=st.randoms(use_true_random=True),
)
def test_whatever_room_there_is_no_more_is_taken_and_no_record_is_lost_or_doubled(
    batches: list[list[int]], odd: set[int], dice: random.Random
):
    sizes = [size for batch in batches for size in batch]
    source = fetched(batches, odd)
    offsets: list[int] = []
    while True:
        room = Room(dice.randint(1, 8), dice.randint(1, 60), empty=dice.random() < 0.3)
        taken = take(source, room)
        assert len(taken.records) <= room.records
        assert taken.nbytes == sum(
            len(record.value) + sum(len(name) for name, _ in record.headers) for record in taken.records
        )
        assert taken.nbytes <= room.nbytes or (room.empty and len(taken.records) == 1)
        offsets += [record.offset for record in taken.records]
        assert [len(record.value) for record in taken.records] == [sizes[record.offset] for record in taken.records]
        if taken.exhausted:
            break
        assert source.next_fetch_offset == len(offsets)
        assert taken.too_large == (len(taken.records) < room.records)
    assert offsets == [*range(len(sizes))]

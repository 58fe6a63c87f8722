"""Take records out of what aiokafka's fetcher has received, in a way that is leaner and harder to break than its own.

Leaner: records come as the compiled parser makes them (offset, timestamp in milliseconds, key, value, headers).
aiokafka would copy each of them into an object with a dictionary, which takes longer than parsing it.

Harder to break: Kafka's protocol says that header names are UTF-8, and no broker checks it. aiokafka's parser gives up
the whole fetch, for good; Java's client puts U+FFFD for what it cannot decode, and so does this.
"""

from collections.abc import Iterator
from itertools import chain
from struct import unpack_from
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

from app.kafka.in_flight import Room

# A batch on the wire: base offset and length of the rest, and where the distance to its last offset lies.
_PREFIX = ">qi"
_PREFIX_BYTES = 12
_LAST_OFFSET_DELTA_AT = 23


class FetchedBytes(MemoryRecords):  # type: ignore[misc]
    """aiokafka's parser of fetched bytes, which keeps them for a second look."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


# The fetcher hands out parsers and drops the bytes; there is no other place to keep them.
fetcher.MemoryRecords = FetchedBytes


class Taken(NamedTuple):
    """What was taken out of a fetched partition.

    Attributes:
        records: in order.
        nbytes: their keys, values and headers.
        exhausted: there are no more.
        too_large: there are more, and the next one is too large for the room that was left.
    """

    records: list[Any]
    nbytes: int
    exhausted: bool
    too_large: bool


def take(source: PartitionRecords, room: Room) -> Taken:
    """Take records of *source* as far as there is *room*."""
    source._consumer_record = _as_it_is
    records: list[Any] = []
    nbytes = 0
    while True:
        try:
            for record in source:
                size = size_of(record)
                if nbytes + size > room.nbytes and not (room.empty and not records):
                    _put_back(source, record)
                    return Taken(records, nbytes, exhausted=False, too_large=True)
                records.append(record)
                nbytes += size
                if len(records) >= room.records:
                    return Taken(records, nbytes, exhausted=False, too_large=False)
        except UnicodeDecodeError:
            source._records_iterator = chain(_rest_of_batch(source), source._unpack_records())
        else:
            return Taken(records, nbytes, exhausted=True, too_large=False)


def size_of(record: Any) -> int:
    """How many bytes a record's key, value and headers have."""
    size = len(record.value or b"") + len(record.key or b"")
    for name, value in record.headers:
        size += len(name) + len(value or b"")
    return size


def _put_back(source: PartitionRecords, record: Any) -> None:
    def once_more() -> Iterator[Any]:
        source.next_fetch_offset = record.offset + 1
        yield record

    source.next_fetch_offset = record.offset
    source._records_iterator = chain(once_more(), source._records_iterator)


def _as_it_is(_tp: TopicPartition, record: Any) -> Any:
    return record


def _rest_of_batch(source: PartitionRecords) -> Iterator[Any]:
    """The records from the very one on whose header name was not UTF-8."""
    batch: Any = _DefaultRecordBatchPy(_batch_with(source.next_fetch_offset, source._records.data))
    batch._maybe_uncompress()
    batch._buffer = _Replacing(batch._buffer)
    for record in batch:
        if record.offset >= source.next_fetch_offset:
            source.next_fetch_offset = record.offset + 1
            yield record
    source.next_fetch_offset = batch.next_offset


def _batch_with(offset: int, data: bytes) -> bytes:
    start = 0
    while True:
        base, length = unpack_from(_PREFIX, data, start)
        stop = start + _PREFIX_BYTES + length
        (delta,) = unpack_from(">i", data, start + _LAST_OFFSET_DELTA_AT)
        if offset <= base + delta:
            return data[start:stop]
        start = stop


class _Replacing(bytearray):
    """Bytes that decode with U+FFFD for what is not UTF-8."""

    def __getitem__(self, where: Any) -> Any:
        part = super().__getitem__(where)
        return _Replacing(part) if isinstance(where, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)

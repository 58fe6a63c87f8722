"""Take records out of what aiokafka's fetcher has received, in a way that is leaner and harder to break than its own.

Leaner: records come as the compiled parser makes them (offset, timestamp in milliseconds, key, value, headers).
aiokafka would copy each of them into an object with a dictionary, which takes longer than parsing it.

Harder to break: Kafka's protocol says that header names are UTF-8, and no broker checks it. aiokafka's parser gives up
the whole fetch, for good; Java's client puts U+FFFD for what it cannot decode, and so does this.
"""

from collections.abc import Iterator
from itertools import chain
from struct import unpack_from
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

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


def take(source: PartitionRecords, max_records: int, max_bytes: int) -> tuple[list[Any], int, bool]:
    """Take records of *source* up to either bound; returns them, their bytes, and whether there are no more."""
    source._consumer_record = _as_it_is
    records: list[Any] = []
    nbytes = 0
    while True:
        try:
            for record in source:
                records.append(record)
                nbytes += len(record.value or b"") + len(record.key or b"")
                for name, value in record.headers:
                    nbytes += len(name) + len(value or b"")
                if len(records) >= max_records or nbytes >= max_bytes:
                    return records, nbytes, False
        except UnicodeDecodeError:
            source._records_iterator = chain(_rest_of_batch(source), source._unpack_records())
        else:
            return records, nbytes, True


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

"""Records as aiokafka hands them over, and chunks of them, without a broker."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition

from app.kafka.chunk import Chunk

TOPIC = "in"
TIMESTAMP = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class Received:
    """A record as it was fetched, and the partition that its chunk is to have."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    partition: int


def record(
    offset: int,
    value: bytes | None = b"{}",
    *,
    partition: int = 0,
    key: bytes | None = None,
    headers: Sequence[tuple[str, bytes | None]] = (),
    timestamp: int = TIMESTAMP,
) -> Received:
    return Received(offset, timestamp, key, value, headers, partition)


def row(name: str, *features: float) -> bytes:
    """The value of a record for `models.numpy_model.NumpyModel`."""
    return json.dumps({"id": name, "features": features}).encode()


def chunk(*records: Received, start: int | None = None, end: int | None = None, nbytes: int | None = None) -> Chunk:
    """A chunk that spans its records, or `start` to `end` where they are given."""
    begin = start if start is not None else records[0].offset
    return Chunk(
        records,
        tp=TopicPartition(TOPIC, records[0].partition if records else 0),
        start=begin,
        end=end if end is not None else records[-1].offset + 1,
        nbytes=sum(len(each.value or b"") for each in records) if nbytes is None else nbytes,
        epoch=0,
    )


def run_of(start: int, count: int, *, partition: int = 0) -> Chunk:
    """A chunk of *count* records from offset *start* on."""
    return chunk(*(record(start + place, partition=partition) for place in range(count)))

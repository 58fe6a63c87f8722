"""Records as the bytes of one batch, the unit that a broker takes or refuses as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from app.kafka.identity import Identity
from app.records import Outgoing

# Kafka's default limit for a record batch is 1,048,588 bytes.
BATCH_BYTES = 1_000_000

_MAGIC = 2
_UNCOMPRESSED = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """The bytes of a batch and how many records it holds."""

    data: bytes
    records: int


def fill(records: Sequence[Outgoing], identity: Identity, tp: TopicPartition, timestamp_ms: int) -> Batch:
    """Return a batch of the first of *records*: as many as fit into `BATCH_BYTES`, at least one.

    Filled again with the same timestamp, a batch takes the same records.

    Args:
        records: at least one.
        identity: whose batch it is.
        tp: where it is to go.
        timestamp_ms: of all its records, in milliseconds since the epoch.
    """
    builder = DefaultRecordBatchBuilder(
        _MAGIC,
        _UNCOMPRESSED,
        identity.transactional,
        identity.producer_id,
        identity.epoch,
        identity.sequence(tp),
        BATCH_BYTES,
    )
    append = builder.append
    count = 0
    for record in records:
        # The place in the batch, the timestamp, key, value, headers; None when it does not fit any more.
        if append(count, timestamp_ms, record.key, record.value, record.headers) is None:
            break
        count += 1
    return Batch(builder.build(), count)

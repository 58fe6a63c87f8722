"""What Kafka's protocol has and aiokafka lacks: a few errors, settled offsets, and metadata that create no topics."""

from typing import Any

from aiokafka import client as aiokafka_client
from aiokafka.errors import BrokerResponseError, kafka_errors
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.commit import OffsetFetchRequest_v3
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)


class FencedLeaderEpochError(BrokerResponseError):  # type: ignore[misc]
    """The partition has another leader by now."""

    errno = 74
    message = "FENCED_LEADER_EPOCH"
    retriable = True
    invalid_metadata = True


class UnknownLeaderEpochError(BrokerResponseError):  # type: ignore[misc]
    """The broker does not know yet who leads the partition."""

    errno = 75
    message = "UNKNOWN_LEADER_EPOCH"
    retriable = True
    invalid_metadata = True


class InvalidRecordError(BrokerResponseError):  # type: ignore[misc]
    """The topic does not take such a record."""

    errno = 87
    message = "INVALID_RECORD"


class UnstableOffsetCommitError(BrokerResponseError):  # type: ignore[misc]
    """A transaction that commits this offset has not ended yet."""

    errno = 88
    message = "UNSTABLE_OFFSET_COMMIT"
    retriable = True


class ProducerFencedError(BrokerResponseError):  # type: ignore[misc]
    """Another producer has opened the same transactional id."""

    errno = 90
    message = "PRODUCER_FENCED"


class TransactionAbortableError(BrokerResponseError):  # type: ignore[misc]
    """The transaction cannot be committed any more."""

    errno = 120
    message = "TRANSACTION_ABORTABLE"


for _error in (
    FencedLeaderEpochError,
    UnknownLeaderEpochError,
    InvalidRecordError,
    UnstableOffsetCommitError,
    ProducerFencedError,
    TransactionAbortableError,
):
    # A later aiokafka may know them itself.
    kafka_errors.setdefault(_error.errno, _error)


class QuietMetadataRequest(MetadataRequest):  # type: ignore[misc]
    """Asks about topics without creating those that are missing, which brokers otherwise do by default."""

    API_KEY = 3
    _CLASSES = MetadataRequest._CLASSES

    def __init__(self, topics: list[str] | None = None) -> None:
        super().__init__(topics, allow_auto_topic_creation=False)


# Its metadata are refreshed all the time, also those of a topic that was deleted on purpose.
aiokafka_client.MetadataRequest = QuietMetadataRequest


class OffsetFetchResponse_v7(Response):  # type: ignore[misc]  # noqa: N801 - aiokafka's way to name versions
    """Committed offsets; -1 where there is none."""

    API_KEY = 9
    API_VERSION = 7
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", CompactString("utf-8")),
                        ("error_code", Int16),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("error_code", Int16),
        ("tags", TaggedFields),
    )


class OffsetFetchRequest_v7(RequestStruct):  # type: ignore[misc]  # noqa: N801
    """The first version (KIP-447, Kafka 2.5) that does not answer while a transaction may still commit an offset."""

    API_KEY = 9
    API_VERSION = 7
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = OffsetFetchResponse_v7
    SCHEMA = Schema(
        ("group", CompactString("utf-8")),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
            ),
        ),
        ("require_stable", Boolean),
        ("tags", TaggedFields),
    )


class SettledOffsetsRequest(Request[OffsetFetchRequest_v3 | OffsetFetchRequest_v7]):  # type: ignore[misc]
    """Ask for the offset that *group* has committed of one partition, and not for one that is about to change.

    Brokers before Kafka 2.5 do not know the difference.
    """

    API_KEY = 9

    def __init__(self, group: str, topic: str, partition: int) -> None:
        self._group = group
        self._topic = topic
        self._partition = partition

    def build(self, request_struct_class: Any) -> Any:
        """Return the request in the version that the broker knows."""
        if request_struct_class is OffsetFetchRequest_v3:
            return request_struct_class(self._group, [(self._topic, [self._partition])])
        return request_struct_class(self._group, [(self._topic, [self._partition], {})], True, {})


def settled_offset(response: Any) -> tuple[int, int]:
    """Return the offset (-1: none) and the error code in the answer to a `SettledOffsetsRequest`."""
    if response.error_code:
        return -1, response.error_code
    ((_topic, ((_partition, offset, *rest),), *_tags),) = response.topics
    return offset, rest[1] if response.API_VERSION < OffsetFetchResponse_v7.API_VERSION else rest[2]

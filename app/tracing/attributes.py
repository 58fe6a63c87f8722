"""What spans say: OpenTelemetry's semantic conventions for messaging and Kafka, and some names of our own.

Never a record's value, nor its key, which may be somebody's name.
"""

from collections.abc import Mapping

from aiokafka import TopicPartition
from opentelemetry.util.types import AttributeValue

from app.errors import RejectedRecord
from app.records import Incoming
from models.predictor import Predictor

OUTCOME = "streamrank.outcome"
ROWS = "streamrank.batch.rows"

Attributes = Mapping[str, AttributeValue]


def consumed(tp: TopicPartition, group: str, record: Incoming) -> Attributes:
    """Of the span of a record that came from *tp*."""
    there: dict[str, AttributeValue] = {
        "messaging.system": "kafka",
        "messaging.operation.name": "consume",
        "messaging.operation.type": "process",
        "messaging.destination.name": tp.topic,
        "messaging.destination.partition.id": str(tp.partition),
        "messaging.kafka.offset": record.offset,
        "messaging.consumer.group.name": group,
    }
    return there if record.value is not None else {**there, "messaging.kafka.message.tombstone": True}


def published(topic: str, partition: int) -> Attributes:
    """Of the span of a record on its way to a partition."""
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": str(partition),
    }


def batch(predictor: Predictor, rows: int) -> Attributes:
    """Of the span of a batch."""
    return {ROWS: rows, "streamrank.model.name": predictor.name, "streamrank.model.version": predictor.version}


def refused(why: RejectedRecord) -> Attributes:
    """Of the span of a record that has no ranking."""
    outcome = "expired" if why.skipped else "dead_lettered"
    return {OUTCOME: outcome, "error.type": str(why.reason), "streamrank.error.stage": str(why.stage)}

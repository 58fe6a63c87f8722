"""What to grant when the brokers say that this user may not do something."""

from collections.abc import Mapping

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from app.errors import StartFailed

_GRANTS: Mapping[type[KafkaError], str] = {
    TopicAuthorizationFailedError: "grant Read and Describe on the input topic, Write and Describe on the output and "
    "the dead-letter topic",
    GroupAuthorizationFailedError: "grant Read on the consumer group",
    ClusterAuthorizationFailedError: "grant IdempotentWrite on the cluster",
    TransactionalIdAuthorizationFailed: "grant Write and Describe on transactional ids that begin with CONSUMER_GROUP "
    "and a slash",
}

DENIED = tuple(_GRANTS)
"""The errors with which brokers deny something."""


def denied(error: KafkaError) -> StartFailed:
    """What to raise when a broker denies what we cannot do without."""
    return StartFailed(f"the broker denies it to this user ({error}): {hint(error)}")


def hint(error: KafkaError) -> str | None:
    """What to grant; None where that is not the matter."""
    return _GRANTS.get(type(error))

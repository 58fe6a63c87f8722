"""Which kind of outlet a broker has for our letters."""

from collections.abc import Callable

from aiokafka import TopicPartition

from app.deadletters.outlet import AtLeastOnce, ExactlyOnce, Outlet
from app.errors import StartFailed
from app.kafka.client import Client
from app.kafka.committed import GroupOffsets
from app.kafka.idempotent import IdempotentProducer
from app.kafka.producers import check_transactions
from app.kafka.reader import patiently
from app.stderr import say

_NO_TRANSACTIONS = (
    "this broker has no transactions: every record is written at least once; what is interrupted, or replayed by two "
    "at the same time, may be written twice"
)

OutletFactory = Callable[[TopicPartition], Outlet]


async def outlet_factory(
    client: Client, *, topic: str, offsets: GroupOffsets, patience_seconds: float
) -> OutletFactory:
    """Return what makes the outlet of a dead-letter partition; says so where that cannot be with transactions.

    Args:
        client: the way to the brokers.
        topic: where letters go.
        offsets: of the group that keeps the progress.
        patience_seconds: how long brokers may fail to answer.

    Raises:
        KafkaError: the broker does not answer.
    """
    try:
        await patiently(lambda: check_transactions(client), client, patience_seconds)
    except StartFailed:
        say(_NO_TRANSACTIONS)
        shared = IdempotentProducer(client)
        return lambda source: AtLeastOnce(shared, topic=topic, source=source, offsets=offsets)
    return lambda source: ExactlyOnce(client, topic=topic, source=source, offsets=offsets)

"""Who publishes for which input partition, by the guarantee that is asked for."""

from collections.abc import Callable

from aiokafka import TopicPartition
from aiokafka.errors import ClusterAuthorizationFailedError

from app.errors import StartFailed
from app.kafka.client import Client
from app.kafka.idempotent import IdempotentProducer
from app.kafka.identity import NoIdentity, fresh_identity
from app.kafka.producer import Producer
from app.kafka.transactional import TransactionalProducer
from app.progress import Progress
from config.settings import KafkaSettings

ProducerFactory = Callable[[TopicPartition], Producer]

# Kafka's numbers, and the lowest versions, of: name a producer, add partitions and offsets to a transaction, commit
# offsets in it, end it; and ask for offsets that no transaction is about to change, which came with Kafka 2.5.
_TRANSACTION_APIS = {22: 0, 24: 0, 25: 0, 26: 0, 28: 0, 9: 7}


def producer_factory(client: Client, kafka: KafkaSettings, progress: Progress) -> ProducerFactory:
    """Return what makes the producer of an input partition: one for each with transactions, else one for all."""
    if not kafka.exactly_once:
        shared = IdempotentProducer(client, progress.attempted)
        return lambda _source: shared
    return lambda source: TransactionalProducer(
        client,
        group=kafka.consumer_group,
        source=source,
        hold_seconds=kafka.transaction_max_ms / 1000,
        on_attempt=lambda: progress.attempted(source),
    )


async def check_transactions(client: Client) -> None:
    """Make sure that the brokers have transactions.

    Raises:
        StartFailed: they have not.
        NotSent, AnswerLost: no broker answers at the moment.
    """
    if not await client.knows(client.any_node(), _TRANSACTION_APIS):
        raise _no_transactions("it lacks the requests that they need, or knows only old versions of them")
    try:
        await fresh_identity(client)
    except NoIdentity as error:
        # Some brokers list the requests and carry none of them out. Without the right to idempotent writes alone,
        # transactions may still be allowed.
        if not isinstance(error.__cause__, ClusterAuthorizationFailedError):
            raise _no_transactions(str(error)) from error


def _no_transactions(why: str) -> StartFailed:
    return StartFailed(
        f"PROCESSING_GUARANTEE=exactly_once: this broker has no transactions ({why}); "
        "use Apache Kafka 2.5 or newer, or at_least_once"
    )

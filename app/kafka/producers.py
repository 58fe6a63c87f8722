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

# Kafka's numbers for: name a producer, add partitions and offsets to a transaction, commit offsets in it, end it.
_TRANSACTION_APIS = (22, 24, 25, 26, 28)


def producer_factory(client: Client, kafka: KafkaSettings, progress: Progress) -> ProducerFactory:
    """Return what makes the producer of an input partition: one for each with transactions, else one for all."""
    if not kafka.exactly_once:
        shared = IdempotentProducer(client, progress.moved)
        return lambda _source: shared
    return lambda source: TransactionalProducer(
        client,
        group=kafka.consumer_group,
        source=source,
        hold_seconds=kafka.transaction_max_ms / 1000,
        on_attempt=progress.moved,
    )


async def check_transactions(client: Client) -> None:
    """Make sure that the brokers have transactions.

    Raises:
        StartFailed: they have not.
        NotSent, AnswerLost: no broker answers at the moment.
    """
    if not await client.knows(client.any_node(), _TRANSACTION_APIS):
        raise _no_transactions("it lacks the requests that they need")
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

"""A short visit to the brokers, by a command that is not the service and does not wait for them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAuthorizationFailedError

from app.errors import StartFailed, StreamRankError
from app.kafka.client import Client
from app.kafka.connecting import find_trouble
from app.kafka.denied import DENIED, hint
from app.kafka.security import Security

NO_SUCH_TOPIC = 2
UNREACHABLE = 3


class VisitFailed(StreamRankError):
    """It came to nothing; the message says why, and `status` is what the command ends with."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@asynccontextmanager
async def visit(servers: Sequence[str], security: Security, topics: Sequence[str]) -> AsyncIterator[Client]:
    """Connect, and give a client that watches *topics*; what brokers do to the visitor ends it in our own words.

    Raises:
        VisitFailed: a topic is missing, no broker can be reached, or they deny what is asked of them.
    """
    client = Client(servers, security=security.client_options)
    try:
        await _start(client)
        if missing := await client.missing(topics):
            raise VisitFailed(f"there is no topic {' and no topic '.join(missing)}", NO_SUCH_TOPIC)
        await client.watch(topics)
        yield client
    except DENIED as error:
        raise VisitFailed(f"the broker denies it to this user: {error}{_advice(error, topics)}", UNREACHABLE) from error
    except (KafkaError, TimeoutError) as error:
        raise VisitFailed(await _why(servers, security, error), UNREACHABLE) from error
    finally:
        await client.stop()


async def _start(client: Client) -> None:
    try:
        await client.start()
    except OSError as error:
        raise KafkaConnectionError(str(error)) from error


def _advice(error: KafkaError, topics: Sequence[str]) -> str:
    if isinstance(error, TopicAuthorizationFailedError):
        return f"; grant Read and Describe on {' and '.join(topics)}"
    return f"; {hint(error)}"


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, TimeoutError) and error.args else repr(error)


async def _why(servers: Sequence[str], security: Security, error: Exception) -> str:
    # aiokafka says only that it cannot connect.
    try:
        trouble = await find_trouble(servers, security)
    except StartFailed as lasting:
        trouble = str(lasting)
    return f"no broker can be reached: {trouble}" if trouble else f"the brokers do not do what is asked: {_said(error)}"

"""The broker that keeps the books of a group or of a transactional id."""

from aiokafka.client import CoordinationType
from aiokafka.errors import KafkaError

from app.kafka.client import Client, NotSent


class Coordinator:
    """Finds the broker once, and again after it was told to forget it.

    Args:
        client: the way to the brokers.
        kind: of what.
        key: the group or the transactional id.
    """

    def __init__(self, client: Client, kind: CoordinationType, key: str) -> None:
        self._client = client
        self._kind = kind
        self._key = key
        self._node: int | None = None

    async def node(self) -> int:
        """The broker to ask.

        Raises:
            NotSent: it is not known at the moment.
            KafkaError: the broker refuses to tell.
        """
        if self._node is None:
            try:
                self._node = await self._client.coordinator(self._kind, self._key)
            except KafkaError as error:
                if not error.retriable:
                    raise
                # Asking changes nothing at the broker, so a lost answer is no more than a delay.
                raise NotSent(f"no coordinator for {self._key}: {error}") from error
        return self._node

    def forget(self) -> None:
        """Look it up anew the next time."""
        self._node = None

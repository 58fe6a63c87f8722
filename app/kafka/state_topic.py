"""The compacted topic that keeps state of our own: made when it is missing, and grown with the input."""

import asyncio
import logging
from typing import Any

from aiokafka.errors import (
    InvalidPartitionsError,
    KafkaError,
    NoError,
    NotControllerError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.admin import CreatePartitionsRequest, CreateTopicsRequest

from app.backoff import endless_pauses
from app.errors import StartFailed
from app.kafka.client import Client, may_pass
from app.kafka.questions import cleanup_policy

logger = logging.getLogger(__name__)

_COMPACTED = ("cleanup.policy", "compact")


class StateTopic:
    """One topic of ours, with a partition for each of the input's.

    Args:
        client: the way to the brokers, which watches the input.
        name: of the topic.
        source: the input.
    """

    def __init__(self, client: Client, name: str, source: str) -> None:
        self.name = name
        self._client = client
        self._source = source

    async def begin(self) -> None:
        """Return when it is there.

        Raises:
            StartFailed: it cannot be made, or is not compacted; the message tells the command to run.
            KafkaError: no broker answers at the moment.
        """
        try:
            await self._make_sure()
        except TopicAuthorizationFailedError as error:
            raise self._refused(error, self._creation, lead="if there is no such topic, run") from error

    async def _make_sure(self) -> None:
        if await self._client.missing([self.name]):
            await self._create()
        elif (policy := await cleanup_policy(self._client, self.name)) not in {None, "compact"}:
            raise StartFailed(
                f"{self.name} keeps standings, and its cleanup.policy is {policy}: the broker would delete them. Run\n"
                f"kafka-configs.sh --alter --entity-type topics --entity-name {self.name} "
                f"--add-config {'='.join(_COMPACTED)}"
            )
        await self._client.watch([self.name])
        await self.reach(self._wanted - 1)

    async def reach(self, partition: int) -> None:
        """Return when it has this partition, as the input has; see `begin`."""
        for pause in endless_pauses(0.05, 1.0):
            if self._client.partition_count(self.name) > partition:
                return
            # The consumer may know of a partition before we do.
            wanted = max(self._wanted, partition + 1)
            request = CreatePartitionsRequest([(self.name, (wanted, None))], self._client.request_timeout_ms, False)
            await self._ask(request, f"kafka-topics.sh --alter --topic {self.name}")
            await self._client.refresh()
            await asyncio.sleep(pause)

    @property
    def _wanted(self) -> int:
        return self._client.partition_count(self._source)

    @property
    def _creation(self) -> str:
        return f"kafka-topics.sh --create --topic {self.name} --config {'='.join(_COMPACTED)}"

    def _refused(self, error: KafkaError, command: str, lead: str = "run") -> StartFailed:
        return StartFailed(
            f"{self.name} keeps standings, and cannot be seen, made or changed by this user ({error!r}): grant Read, "
            f"Write and Describe on it, and {lead}\n{command} --partitions {self._wanted}"
        )

    async def _create(self) -> None:
        replicas = self._client.replicas(self._source)
        request = CreateTopicsRequest(
            [(self.name, self._wanted, replicas, [], [_COMPACTED])], self._client.request_timeout_ms, False
        )
        if await self._ask(request, self._creation):
            about = {"topic": self.name, "partitions": self._wanted, "replicas": replicas}
            logger.info("made the topic that keeps standings", extra=about)
        for pause in endless_pauses(0.05, 0.5):
            if not await self._client.missing([self.name]):
                break
            await asyncio.sleep(pause)

    async def _ask(self, request: Any, command: str) -> bool:
        """Have the cluster changed; False where somebody else had done so.

        Raises:
            StartFailed: it may not be changed.
        """
        answer = await self._client.request(self._client.controller(), request)
        ((_topic, code, *message),) = answer.topic_errors
        kind = for_code(code)
        if kind is NoError:
            return True
        if kind in {TopicAlreadyExistsError, InvalidPartitionsError}:
            return False  # another worker was faster
        error: KafkaError = kind(*filter(None, message))
        await self._client.refresh()
        if kind is NotControllerError or may_pass(error):
            raise error
        raise self._refused(error, command)

"""Whether the topics that we need are there, at the start and later on."""

import asyncio
import logging
from collections.abc import Sequence

from aiokafka.errors import KafkaError

from app.kafka.client import Client
from app.kafka.denied import DENIED, denied

logger = logging.getLogger(__name__)

START_POLL_SECONDS = 1.0
POLL_SECONDS = 5.0


class TopicWatch:
    """Looks for topics, and says which are missing.

    Args:
        client: the way to the brokers.
        topics: those we need.
        welcome: those that we can do without.
    """

    def __init__(self, client: Client, topics: Sequence[str], *, welcome: Sequence[str] = ()) -> None:
        self._client = client
        self._topics = [*topics]
        self._welcome = welcome
        self._absent: dict[str, str] = {}
        self.missing: list[str] = []

    def need(self, topic: str) -> None:
        """Watch one more that we need."""
        self._topics.append(topic)

    def has(self, topic: str) -> bool:
        """Tell whether a topic that we can do without was there at the last look."""
        return topic not in self._absent

    @property
    def trouble(self) -> str | None:
        """Which topics are missing; None when all are there."""
        return f"waiting for topics that do not exist: {', '.join(self.missing)}" if self.missing else None

    async def wait(self) -> None:
        """Return when all topics are there.

        Raises:
            KafkaError: no broker answers.
        """
        while True:
            await self._look()
            if not self.missing:
                break
            await asyncio.sleep(START_POLL_SECONDS)
        await self._client.watch(self._topics)
        self._absent = dict.fromkeys(self._welcome, "")
        await self._look_for_welcome()

    async def run(self) -> None:
        """Watch until cancelled; a broker that does not answer is for others to tell."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self._look()
                await self._look_for_welcome()
            except KafkaError as error:
                logger.debug("the broker does not tell its topics", extra={"error": repr(error)})

    async def _look(self) -> None:
        missing = await self._client.missing(self._topics)
        if missing != self.missing:
            self._tell(missing)
        self.missing = missing

    async def _look_for_welcome(self) -> None:
        for topic in self._welcome:
            try:
                reason = "it does not exist" if await self._client.missing([topic]) else None
            except DENIED as error:
                reason = str(denied(error))
            if reason is None:
                if self._absent.pop(topic, None) is not None:
                    await self._client.watch([topic])
            elif self._absent.get(topic) != reason:
                self._absent[topic] = reason
                logger.warning("nothing is published there: %s", reason, extra={"topic": topic})

    def _tell(self, missing: Sequence[str]) -> None:
        if missing:
            logger.warning("waiting for topics that do not exist", extra={"missing": missing})
        else:
            logger.info("all topics are there")

"""The brokers from the start on: one that lets us in, what it can do, and the topics that it has."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiokafka.errors import KafkaConnectionError, KafkaError

from app.backoff import endless_pauses
from app.kafka.client import Client
from app.kafka.connecting import find_trouble
from app.kafka.denied import DENIED, denied
from app.kafka.producers import check_transactions
from app.kafka.security import Security
from app.kafka.state_topic import StateTopic
from app.kafka.topics import TopicWatch
from config.settings import KafkaSettings, Settings

logger = logging.getLogger(__name__)


class Brokers:
    """Waits for what a worker needs of the brokers.

    Args:
        settings: where they are, how we get in and what is needed.
        guard: see `Client`.

    Attributes:
        client: the way to them.
        security: how we get in.
        topics: watches the topics.
        state_topic: keeps standings; None where there are none.

    Raises:
        StartFailed: a certificate or key cannot be used.
    """

    def __init__(self, settings: Settings, guard: Callable[[], None]) -> None:
        self._kafka: KafkaSettings = settings.kafka
        kafka = self._kafka
        self.security = Security(settings.security)
        self.client = Client(kafka.bootstrap_servers, security=self.security.client_options, guard=guard)
        needed = [kafka.input_topic, kafka.output_topic, kafka.dead_letter_topic]
        shadows = kafka.shadow_topic if settings.model.shadow_version is not None else None
        self.topics = TopicWatch(self.client, needed, welcome=[] if shadows is None else [shadows])
        self.state_topic = (
            StateTopic(self.client, kafka.state_topic, kafka.input_topic) if settings.rank.by == "standings" else None
        )
        self._waiting: str | None = "waiting for a broker to answer"

    @property
    def trouble(self) -> str | None:
        """What is waited for; None when all is there."""
        return self._waiting or self.topics.trouble

    async def connect(self) -> None:
        """Return when a broker has let us in and all topics are there.

        Raises:
            StartFailed: waiting would not help; the message says what to change.
        """
        await _until_it_works(self._enter)
        if self._kafka.exactly_once:
            await _until_it_works(lambda: check_transactions(self.client))
        self._waiting = None
        await _until_it_works(self.topics.wait)
        if self.state_topic is not None:
            self._waiting = f"making sure of the topic {self.state_topic.name}"
            await _until_it_works(self.state_topic.begin)
            self.topics.need(self.state_topic.name)
            self._waiting = None

    async def _enter(self) -> None:
        try:
            await self.client.start()
        except (KafkaError, OSError) as error:
            # aiokafka says only that it found none.
            if trouble := await find_trouble(self._kafka.bootstrap_servers, self.security):
                self._waiting = f"waiting for a broker to answer: {trouble}"
                raise KafkaConnectionError(trouble) from error
            raise


async def _until_it_works(attempt: Callable[[], Awaitable[None]]) -> None:
    pauses = endless_pauses(0.2, 2.0)
    while True:
        try:
            return await attempt()
        except DENIED as error:
            raise denied(error) from error
        except (KafkaError, OSError) as error:
            pause = next(pauses)
            logger.warning(
                "no broker answers; trying again", extra={"error": str(error), "backoff_seconds": round(pause, 1)}
            )
        await asyncio.sleep(pause)

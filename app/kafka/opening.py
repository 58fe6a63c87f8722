"""The one way in which a partition begins, after an assignment as after an error."""

import asyncio
import logging
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError
from faust.types import TP

from app.backoff import endless_pauses
from app.errors import ProducerFenced, ProducerLost
from app.kafka.client import may_pass
from app.standstill import awake

if TYPE_CHECKING:
    from app.kafka.consumer import Consumer

logger = logging.getLogger(__name__)

# Together with the longest that a broker's answer is waited for, less than 10 s.
LONGEST_PAUSE_SECONDS = 1.0


class Opening:
    """Opens partitions of a *consumer*; call it with one of them, again and again."""

    def __init__(self, consumer: "Consumer") -> None:
        self._consumer = consumer
        self._epoch = 0

    async def __call__(self, tp: TP) -> None:
        """Drop all that is in flight for a partition and begin it, however long that takes.

        The order matters: the producer first, which ends what another one has left unfinished; then the committed
        offset, which nobody but us can change from then on; then the seek.

        Raises:
            KafkaError, ServiceError: trying again would not help.
        """
        consumer = self._consumer
        pauses = endless_pauses(0.05, LONGEST_PAUSE_SECONDS)
        where = {"topic": tp.topic, "partition": tp.partition}
        while True:
            consumer.drop(tp)
            self._epoch += 1
            epoch = self._epoch
            try:
                self._check_membership()
                await consumer.app.listener.open_partition(tp, epoch)
                return consumer.begin(tp, await consumer.committed_position(tp), epoch)
            except ProducerFenced as error:
                logger.warning("a partition is in other hands; joining the group again: %s", error, extra=where)
                return consumer.rejoin()
            except (KafkaError, ProducerLost) as error:
                if isinstance(error, KafkaError) and not may_pass(error):
                    raise
                logger.warning("a partition cannot be opened; trying again", extra={**where, "error": str(error)})
            consumer.app.progress.attempted(tp)
            await asyncio.sleep(next(pauses))

    def _check_membership(self) -> None:
        """Open nothing while the group may have given our partitions to others, whom that would fence."""
        silent = awake() - self._consumer.heard_at
        if silent > self._consumer.app.conf.broker_session_timeout:
            raise ProducerLost(f"the group has not answered for {silent:.0f} s")

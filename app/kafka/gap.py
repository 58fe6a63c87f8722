"""A chunk that does not begin where the one before it ended."""

import asyncio
import logging
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError
from faust.types import TP

from app.backoff import endless_pauses
from app.kafka.chunk import Chunk
from app.kafka.client import may_pass

if TYPE_CHECKING:
    from app.kafka.consumer import Consumer

logger = logging.getLogger(__name__)


async def account_for_gap(consumer: "Consumer", chunk: Chunk) -> None:
    """Go on with what the broker still has, and say so; any other gap is left to be found as one.

    Raises:
        KafkaError: the broker does not say what it has, and asking again would not help.
    """
    tp = TP(*chunk.tp)
    watermark = consumer.books.watermarks[tp]
    wanted = watermark.position
    where = {"topic": tp.topic, "partition": tp.partition}
    pauses = endless_pauses(0.1, 1.0)
    while True:
        try:
            earliest, ends = await consumer.earliest_offsets(tp), await consumer.highwaters(tp)
            break
        except KafkaError as error:
            if not may_pass(error):
                raise
            logger.warning("records are missing, and the broker does not say why; asking again", extra=where)
        await asyncio.sleep(next(pauses))
        if not consumer.is_current(chunk):
            return  # the partition was let go meanwhile
    if not consumer.is_current(chunk) or earliest[tp] <= wanted <= ends[tp]:
        return
    if chunk.start < wanted and len(watermark):
        return  # a topic made anew under our hands: its offsets do not go with those in flight
    logger.error(
        "the broker no longer has what comes next (retention, or a topic made anew); going on with what it has",
        extra={**where, "wanted": wanted, "next": chunk.start},
    )
    consumer.go_on_at(tp, chunk.start)

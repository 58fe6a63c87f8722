"""Where a group goes on in a partition, asked by a member."""

import asyncio
from typing import Any

from aiokafka import OffsetAndMetadata, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, NotCoordinatorError, for_code

from app.kafka.client import REQUEST_TIMEOUT_MS, NotSent
from app.kafka.protocol import SettledOffsetsRequest, settled_offset


async def group_position(consumer: Any, tp: TopicPartition, *, starts_at_end: bool) -> int:
    """Return the offset that the group has committed, once no transaction is about to change it; else where it begins.

    Args:
        consumer: aiokafka's, a member of the group that has the partition.
        tp: the partition.
        starts_at_end: whether a group that has committed nothing begins at the end.

    Raises:
        KafkaError: that is not to be known at the moment, or never, see `may_pass`.
    """
    # Bounded, because aiokafka waits for coordinators, metadata and leaders much longer, and says nothing.
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
            offset = await _committed(consumer._coordinator, tp)
            return offset if offset >= 0 else await _first(consumer, tp, starts_at_end=starts_at_end)
    except TimeoutError:
        raise NotSent("the broker does not tell where the group goes on") from None


async def _committed(coordinator: Any, tp: TopicPartition) -> int:
    await coordinator.ensure_coordinator_known()
    request = SettledOffsetsRequest(coordinator.group_id, tp.topic, tp.partition)
    offset, code = settled_offset(await coordinator._send_req(request))
    if code:
        error = for_code(code)
        if error is NotCoordinatorError:
            coordinator.coordinator_dead()
        raise error(coordinator.group_id)
    return offset


async def _first(consumer: Any, tp: TopicPartition, *, starts_at_end: bool) -> int:
    """Where a group begins that has committed nothing."""
    offsets: dict[TopicPartition, int]
    if not starts_at_end:
        offsets = await consumer.beginning_offsets([tp])
        return offsets[tp]
    offsets = await consumer.end_offsets([tp])
    try:
        # At once: whoever takes over before the first record is done must not begin at a later end.
        await consumer.commit({tp: OffsetAndMetadata(offsets[tp], "")})
    except (CommitFailedError, IllegalStateError) as error:
        raise NotSent(f"the start could not be committed: {error}") from error
    return offsets[tp]

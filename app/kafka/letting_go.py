"""Letting all partitions go, at a rebalance as at the end."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.kafka.consumer import Consumer


class LettingGo:
    """Finishes and commits first, and lets go of a *consumer*'s partitions then."""

    def __init__(self, consumer: "Consumer") -> None:
        self._consumer = consumer
        self._work: asyncio.Task[bool] | None = None
        self._for_good = False

    @property
    def has_begun(self) -> bool:
        """Whether the partitions are let go, or being so; until others are assigned."""
        return self._work is not None

    def is_past(self) -> None:
        """Partitions are assigned again; that changes nothing for who lets go for good."""
        if not self._for_good:
            self._work = None

    async def done(self, *, for_good: bool) -> bool:
        """Stop fetching, let the listener finish what is in flight, commit that, forget the rest.

        Whoever asks while that is under way, or before partitions are assigned again, is told what it came to.

        Args:
            for_good: nothing is fetched afterwards, whatever is assigned.

        Returns whether everything that was in flight is done and committed.
        """
        self._for_good |= for_good
        if self._work is None:
            self._work = asyncio.create_task(self._let_go())
        return await asyncio.shield(self._work)

    async def _let_go(self) -> bool:
        consumer = self._consumer
        consumer.stop_flow()
        await consumer.stop_opening()
        finished = await consumer.app.listener.partitions_revoked()
        await self._commit()
        committed = not consumer.books.has_committable
        for tp in list(consumer.books.watermarks):
            consumer.drop(tp)
        return finished and committed

    async def _commit(self) -> None:
        # Bounded, because aiokafka tries for ever while a topic or its coordinator is gone.
        try:
            async with asyncio.timeout(self._consumer.app.conf.broker_session_timeout / 2):
                # A commit under way may have begun before the last acknowledgement; `commit` would leave it at that.
                await self._consumer.maybe_wait_for_commit_to_finish()
                await self._consumer.commit()
        except TimeoutError:
            # aiokafka would send it again as a member of the next generation, when the partition may be another's.
            self._consumer.give_up_committing()

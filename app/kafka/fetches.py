"""Fetches that are sent when whoever takes records wants more."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

# When to look again whether the consumer is closed.
_STOPPED_SECONDS = 0.1
# A fetch that brought nothing in less time than it may wait was refused; the broker is left alone for as long again.
_SOON_SECONDS = 0.02


class Fetches:
    """Asks the brokers through aiokafka's fetcher, in the place of its routine.

    That routine is a task between the one who takes records and the fetches, and looks at all partitions twice for each
    of them. And it fetches ahead as soon as something was taken: while records trickle, such a fetch comes back with
    the very next one, and with no other.

    Args:
        fetcher: aiokafka's, started.
    """

    def __init__(self, fetcher: Any) -> None:
        self._fetcher = fetcher
        self._assignment: Any = None
        self._under_way: set[asyncio.Task[bool]] = set()
        self._held: dict[int, asyncio.TimerHandle] = {}
        self._watched: set[asyncio.Future[Any]] = set()
        self._leaders: asyncio.Future[Any] | None = None
        self._failure: BaseException | None = None
        self._stopped = False
        fetcher._fetch_task.cancel()

    async def renew(self, assignment: Any) -> None:
        """Fetch for *assignment* from now on; what was fetched for another one is dropped."""
        if assignment is self._assignment:
            return
        await self._give_up()
        self._fetcher._records.clear()
        self._assignment = assignment
        self._watch(assignment.unassign_future)

    def ask(self) -> float:
        """Send what may be asked for now, to each broker that is not asked already.

        Returns:
            After how many seconds to ask again, whatever happens.

        Raises:
            Exception: a mistake of aiokafka's, or of ours, in an earlier fetch.
        """
        if self._failure is not None:
            raise self._failure
        if self._stopped:
            return _STOPPED_SECONDS
        fetcher, assignment = self._fetcher, self._assignment
        fetches, resets, seconds, no_leader, paused = fetcher._get_actions_per_node(assignment)
        for node, request in fetches:
            self._start(node, fetcher._proc_fetch_request(assignment, node, request), may_hold=True)
        for node, partitions in resets.items():
            self._start(node, fetcher._update_fetch_positions(assignment, node, partitions))
        for partition in paused:
            self._watch(partition)
        if no_leader:
            if self._leaders is None or self._leaders.done():
                self._leaders = fetcher._client.force_metadata_update()
            # Brokers may answer at once that there is none yet.
            seconds = min(seconds, fetcher._retry_backoff)
        return float(seconds)

    async def answered(self, timeout_seconds: float) -> None:
        """Ask, and wait for something new, at most *timeout_seconds*.

        Raises:
            KafkaError: what concerns the whole group, such as a refused authorization.
            Exception: as `ask`.
        """
        fetcher = self._fetcher
        # One future in both places where aiokafka looks for who waits: the waiters, whom it fails with the group and
        # wakes when it is closed, and the one that it wakes when a position is set.
        news = fetcher._wait_consume_future = fetcher._create_fetch_waiter()
        try:
            seconds = min(self.ask(), timeout_seconds)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await news
        finally:
            if not news.cancel() and not news.cancelled():
                news.exception()  # also where the time was up in the same moment

    async def stop(self) -> None:
        """Give up what is under way, and send nothing more."""
        self._stopped = True
        await self._give_up()

    async def _give_up(self) -> None:
        under_way = list(self._under_way)
        for fetch in under_way:
            fetch.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        for node, timer in list(self._held.items()):
            timer.cancel()
            self._free(node)

    def _start(self, node: int, asking: Coroutine[Any, Any, bool], *, may_hold: bool = False) -> None:
        loop = asyncio.get_running_loop()
        self._fetcher._in_flight.add(node)
        began = loop.time()

        def ended(task: asyncio.Task[bool]) -> None:
            self._under_way.discard(task)
            error = None if task.cancelled() else task.exception()
            self._failure = self._failure or error
            refused = not (task.cancelled() or error or task.result()) and loop.time() - began < _SOON_SECONDS
            if may_hold and refused:
                self._held[node] = loop.call_later(_SOON_SECONDS, self._free, node)
            else:
                self._free(node)

        task = loop.create_task(asking)
        self._under_way.add(task)
        task.add_done_callback(ended)

    def _free(self, node: int) -> None:
        self._held.pop(node, None)
        self._fetcher._in_flight.discard(node)
        self._wake()

    def _watch(self, future: "asyncio.Future[Any]") -> None:
        if future in self._watched:
            return

        def done(_: object) -> None:
            self._watched.discard(future)
            self._wake()

        self._watched.add(future)
        future.add_done_callback(done)

    def _wake(self) -> None:
        self._fetcher._notify(self._fetcher._wait_consume_future)

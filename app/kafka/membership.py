"""What aiokafka's consumer says to its group, listened to and kept from waiting for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.client import ConnectionGroup
from aiokafka.conn import CloseReason
from aiokafka.errors import KafkaError, RequestTimedOutError
from aiokafka.protocol.group import JoinGroupRequest, SyncGroupRequest

from app.kafka.client import REQUEST_TIMEOUT_MS
from app.kafka.denied import DENIED, denied
from app.standstill import awake


class Membership:
    """Takes the place of a few of the consumer's methods.

    Args:
        consumer: aiokafka's, started.
        on_failure: told what ends all coordination, which aiokafka keeps to itself until records are asked for.

    Attributes:
        heard_at: when the last heartbeat left that was answered, by `awake`; the last step of joining counts as one.
    """

    def __init__(self, consumer: Any, on_failure: Callable[[Exception], None]) -> None:
        self.heard_at = self._synced_at = awake()
        self._on_failure = on_failure
        self._client = consumer._client
        coordinator = consumer._coordinator
        self._send = self._client.send
        self._push = coordinator._push_error_to_user
        self._client.send = self._send_in_time
        coordinator._push_error_to_user = self._tell
        self._beat, coordinator._do_heartbeat = coordinator._do_heartbeat, self._do_heartbeat
        self._joined, coordinator._on_join_complete = coordinator._on_join_complete, self._on_join_complete

    async def _do_heartbeat(self) -> bool:
        asked_at = awake()
        answered: bool = await self._beat()
        if answered:
            self.heard_at = asked_at
        return answered

    async def _on_join_complete(self, *about: Any) -> Any:
        # Before anything is done about it, since partitions are opened only by who was heard.
        self.heard_at = self._synced_at
        return await self._joined(*about)

    def _tell(self, error: KafkaError) -> Awaitable[Any]:
        self._on_failure(denied(error) if isinstance(error, DENIED) else error)
        pushed: Awaitable[Any] = self._push(error)
        return pushed

    async def _send_in_time(self, node: int, request: Any, *, group: Any = ConnectionGroup.DEFAULT) -> Any:
        """Send a request, and give up on the connection when no answer comes.

        aiokafka has one patience for all requests, and since joining a group may take as long as its slowest member,
        that is half a minute: much too long to find out that a connection leads nowhere any more.
        """
        if isinstance(request, SyncGroupRequest):
            self._synced_at = awake()
        if isinstance(request, JoinGroupRequest | SyncGroupRequest):
            return await self._send(node, request, group=group)
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
                return await self._send(node, request, group=group)
        except TimeoutError as error:
            if connection := self._client._conns.pop((node, group), None):
                connection.close(reason=CloseReason.CONNECTION_TIMEOUT)
            raise RequestTimedOutError from error

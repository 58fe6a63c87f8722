"""Where connections come in: not too fast, and not too many at a time."""

import asyncio
import logging
import socket
from collections.abc import Callable

from app.web.connection import Connection

logger = logging.getLogger(__name__)

PER_SECOND = 500
MAX_OPEN = 100
BACKLOG = 128
# Out of descriptors: trying again at once would only be another failure.
RETRY_SECONDS = 1.0


class Listener:
    """Accepts `PER_SECOND` connections at most and keeps `MAX_OPEN` at most: the oldest gives way to the newest.

    All others wait in the system, where they cost this process neither time nor descriptors.

    Args:
        factory: makes the protocol that talks with one client.
    """

    def __init__(self, factory: Callable[[], asyncio.Protocol]) -> None:
        self._factory = factory
        self._open: dict[Connection, None] = {}  # the oldest first
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []

    async def start(self, host: str, port: int) -> int:
        """Listen on all addresses that *host* stands for; returns the port, which the system chose when *port* is 0.

        Raises:
            OSError: the address cannot be had.
        """
        # asyncio resolves and binds, but it accepts without any limit; so it does not get to listen.
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port, start_serving=False)
        self._sockets = [bound.dup() for bound in server.sockets]
        server.close()
        for each in self._sockets:
            each.setblocking(False)
            each.listen(BACKLOG)
        self._accepting = [asyncio.create_task(self._accept(each)) for each in self._sockets]
        return int(self._sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Listen no more; the connections that are open stay."""
        for task in self._accepting:
            task.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        for each in self._sockets:
            each.close()

    def abort(self) -> None:
        """End all connections."""
        for connection in list(self._open):
            connection.abort()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listening)
                await loop.connect_accepted_socket(self._connection, accepted)
            except OSError as error:
                logger.warning("cannot take an HTTP connection", extra={"error": str(error)})
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if len(self._open) > MAX_OPEN:
                next(iter(self._open)).abort()
            await asyncio.sleep(1 / PER_SECOND)

    def _connection(self) -> Connection:
        return Connection(self._factory(), self._open)

"""Clients that keep to no rules."""

import asyncio
import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress

LIVEZ = b"GET /livez HTTP/1.1\r\nHost: us\r\n\r\n"
WITHIN = 30  # far more than anything takes


class Client:
    """One connection to a port of 127.0.0.1; close() it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int, host: str = "127.0.0.1") -> "Client":
        return cls(*await asyncio.open_connection(host, port))

    async def send(self, data: bytes) -> bool:
        """Send, and tell whether the connection is still there to do so."""
        with suppress(ConnectionError):
            self.writer.write(data)
            await self.writer.drain()
        return not self.writer.is_closing()

    async def rest(self) -> bytes:
        """All that comes until the server ends the connection."""
        received = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(WITHIN):
                while part := await self.reader.read(65536):
                    received += part
        return received

    @property
    def is_open(self) -> bool:
        """Whether the server has neither ended the connection nor said anything, as far as is known by now."""
        return not (self.reader.at_eof() or self.reader.exception())

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


async def exchange(port: int, data: bytes, host: str = "127.0.0.1") -> bytes:
    """Send *data* and return all that comes until the server ends the connection."""
    client = await Client.connect(port, host)
    await client.send(data)
    received = await client.rest()
    await client.close()
    return received


async def close_all(clients: Iterable[Client]) -> None:
    await asyncio.gather(*(client.close() for client in clients))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not condition():
            await asyncio.sleep(0.01)


class Descriptors:
    """The files and sockets that this process has opened since this was made."""

    def __init__(self) -> None:
        self._before = _open_files()

    @property
    def count(self) -> int:
        """How many of them are open; what others close meanwhile makes no difference."""
        return len(_open_files() - self._before)


def _open_files() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the one that listed them
            found.add((number, os.readlink(f"/proc/self/fd/{number}")))
    return found


def has_ipv6() -> bool:
    """Whether this machine has ::1."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True

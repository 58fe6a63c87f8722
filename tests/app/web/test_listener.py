"""What the listener lets in, with protocols that know no HTTP."""

import asyncio
import os
import resource
import time
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress

import pytest

from app.web import connection, listener
from app.web.listener import Listener
from tests.app.web.rude import Client, Descriptors, close_all, until


class Noting(asyncio.Protocol):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.made_at = 0.0
        self.received = b""
        self.ended = self.paused = self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.made_at = time.monotonic()

    def data_received(self, data: bytes) -> None:
        self.received += data

    def eof_received(self) -> bool:
        self.ended = True
        return True

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


class House:
    """A listener and the protocols that it made."""

    def __init__(self) -> None:
        self.protocols: list[Noting] = []
        self.listener = Listener(self._make)
        self.port = 0

    def _make(self) -> Noting:
        self.protocols.append(Noting())
        return self.protocols[-1]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    house.port = await house.listener.start("127.0.0.1", 0)
    yield house
    await house.listener.stop()
    house.listener.abort()
    await until(lambda: all(protocol.lost for protocol in house.protocols))


async def test_connections_are_not_accepted_faster_than_they_may_come(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listener, "PER_SECOND", 50)
    clients = [await Client.connect(house.port) for _ in range(11)]
    await until(lambda: len(house.protocols) == 11 and house.protocols[-1].made_at > 0)
    assert house.protocols[-1].made_at - house.protocols[0].made_at >= 10 / 50
    await close_all(clients)


async def test_beyond_the_most_that_may_be_open_the_oldest_gives_way(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listener, "MAX_OPEN", 3)
    clients = [await Client.connect(house.port) for _ in range(5)]
    await until(lambda: len(house.protocols) == 5)
    assert await clients[0].rest() == await clients[1].rest() == b""
    await clients[3].send(b"still here")
    await until(lambda: house.protocols[3].received == b"still here")
    assert [protocol.lost for protocol in house.protocols] == [True, True, False, False, False]
    await close_all(clients)


async def test_a_connection_ends_in_time_also_when_its_client_goes_on_sending(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "SECONDS", 0.3)
    client = await Client.connect(house.port)
    while await client.send(b"x"):
        await asyncio.sleep(0.01)
    await until(lambda: house.protocols[0].lost)
    assert house.protocols[0].received
    await client.close()


async def test_no_more_is_read_than_the_limit(house: House):
    client = await Client.connect(house.port)
    client.writer.write(b"x" * 10_000_000)
    await until(lambda: len(house.protocols[0].received) == connection.BYTES if house.protocols else False)
    assert not house.protocols[0].transport.is_reading()
    assert client.writer.transport.get_write_buffer_size() > 0
    client.writer.transport.abort()


async def test_a_client_that_stops_sending_may_still_wait_for_its_answer(house: House):
    client = await Client.connect(house.port)
    client.writer.write_eof()
    await until(lambda: bool(house.protocols) and house.protocols[0].ended)
    assert not house.protocols[0].lost
    await client.close()


async def test_what_is_written_can_wait_for_its_reader(house: House):
    client = await Client.connect(house.port)
    client.writer.transport.pause_reading()
    await until(lambda: bool(house.protocols) and house.protocols[0].made_at > 0)
    house.protocols[0].transport.write(b"x" * 50_000_000)
    assert house.protocols[0].paused
    client.writer.transport.resume_reading()
    await client.reader.readexactly(50_000_000)
    await until(lambda: not house.protocols[0].paused)
    await client.close()


async def test_nothing_is_kept_of_a_connection_that_has_ended(house: House):
    client = await Client.connect(house.port)
    await until(lambda: bool(house.protocols) and house.protocols[0].made_at > 0)
    house.protocols[0].transport.abort()
    await client.rest()
    await client.close()
    remains = weakref.ref(house.protocols.pop())
    async with asyncio.timeout(connection.SECONDS / 2):
        await until(lambda: remains() is None)


async def test_every_descriptor_is_given_back():
    opened = Descriptors()
    house = House()
    house.port = await house.listener.start("127.0.0.1", 0)
    clients = [await Client.connect(house.port) for _ in range(50)]
    await until(lambda: len(house.protocols) == 50)
    await house.listener.stop()
    house.listener.abort()
    await close_all(clients)
    await until(lambda: opened.count == 0)


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """Leave this process so many descriptors."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + count + 1, limits[1]))
    taken: list[int] = []
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        for each in taken[:count]:
            os.close(each)
        yield
    finally:
        for each in taken[count:]:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_without_descriptors_connections_wait_and_are_taken_later(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(listener, "RETRY_SECONDS", 0.01)
    with descriptors_left(1):
        client = await Client.connect(house.port)
        await until(lambda: "cannot take an HTTP connection" in caplog.text)
        assert house.protocols == []
    await client.send(b"at last")
    await until(lambda: bool(house.protocols) and house.protocols[0].received == b"at last")
    await client.close()

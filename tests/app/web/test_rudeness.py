"""Clients that take their time, send too much or come in crowds: others are served, and nothing is left behind."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.web import connection, listener
from app.web.server import STOP_SECONDS
from tests.app.web.rude import LIVEZ, Client, Descriptors, close_all, exchange, until
from tests.app.web.worker import Slow, Worker, listening

METRICS, STATUS = LIVEZ.replace(b"livez", b"metrics"), LIVEZ.replace(b"livez", b"status")
OK = b"HTTP/1.1 200 OK"
MANY = 300


@pytest.fixture
async def port() -> AsyncIterator[int]:
    opened = Descriptors()
    async with listening(Worker()) as port:
        yield port
    await until(lambda: opened.count == 0)


async def many(port: int, data: bytes) -> list[Client]:
    clients = [await Client.connect(port) for _ in range(MANY)]
    for client in clients:
        await client.send(data)
    return clients


async def test_hundreds_that_send_a_header_bit_by_bit_keep_nobody_from_an_answer(port: int):
    clients = await many(port, LIVEZ[:-2])
    # The oldest had to give way, so that this one came in at all; most of the rest still wait while it is answered.
    for _ in range(10):
        for client in clients:
            await client.send(b"X-More: and more\r\n")
        assert (await exchange(port, LIVEZ)).startswith(OK)
    still_open = sum(client.is_open for client in clients)
    assert listener.MAX_OPEN - 20 <= still_open <= listener.MAX_OPEN
    await close_all(clients)


async def test_one_that_never_completes_its_request_is_let_go_in_time(port: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "SECONDS", 0.3)
    client = await Client.connect(port)
    await client.send(LIVEZ[:-2])
    while await client.send(b"X-More: and more\r\n"):
        await asyncio.sleep(0.01)
    assert await client.rest() == b""
    await client.close()


async def test_one_that_does_not_read_its_answer_is_let_go_in_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "SECONDS", 0.3)
    opened = Descriptors()
    worker = Worker()
    worker.about = {"long": "x" * 50_000_000}
    async with listening(worker) as port:
        client = await Client.connect(port)
        client.writer.transport.pause_reading()
        await client.send(STATUS)
        await until(lambda: opened.count == 3)  # what listens, what reads not, what is not read
        await until(lambda: opened.count == 2)
        await client.close()


@pytest.mark.parametrize(
    "request_start",
    [
        pytest.param(b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: us\r\n\r\n", id="first line"),
        pytest.param(LIVEZ[:-2] + b"X: " + b"a" * 9_000 + b"\r\n\r\n", id="value"),
        pytest.param(LIVEZ[:-2] + b"X" * 9_000 + b": a\r\n\r\n", id="name"),
    ],
)
async def test_too_long_a_line_is_refused_and_ends_the_connection(port: int, request_start: bytes):
    assert (await exchange(port, request_start)).startswith(b"HTTP/1.0 400 Bad Request")


@pytest.mark.parametrize(
    ("beginning", "more"),
    [
        pytest.param(LIVEZ[:-2] + b"X: ", b"a" * 65536, id="header"),
        pytest.param(LIVEZ[:-2], b"X-More: and more\r\n" * 4000, id="headers"),
        pytest.param(b"", LIVEZ * 2000, id="requests"),
        pytest.param(LIVEZ[:-2] + b"Content-Length: 999999999\r\n\r\n", b"x" * 65536, id="body"),
        pytest.param(LIVEZ[:-2] + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 9000, id="parts"),
    ],
)
async def test_what_has_no_end_is_cut_off(port: int, beginning: bytes, more: bytes):
    client = await Client.connect(port)
    await client.send(beginning)
    async with asyncio.timeout(connection.SECONDS / 2):  # so it was not the time that ended it
        while await client.send(more):
            pass
    assert (await exchange(port, LIVEZ)).startswith(OK)
    await client.close()


async def test_of_many_requests_at_once_the_first_is_answered(port: int):
    answer = await exchange(port, LIVEZ * 1000)
    assert answer.startswith(OK)
    assert answer.count(b"HTTP/1.1") == 1


async def test_a_body_that_nobody_asked_for_changes_nothing(port: int):
    request = LIVEZ[:-2] + b"Content-Length: 4\r\n\r\nbody"
    assert (await exchange(port, request)).endswith(b"\r\n\r\nok\n")


async def test_a_crowd_is_served_one_after_the_other(port: int):
    most = 0

    async def one() -> bool:
        nonlocal most
        answered = (await exchange(port, LIVEZ)).startswith(OK)
        most = max(most, opened.count)
        return answered

    opened = Descriptors()
    assert all(await asyncio.gather(*(one() for _ in range(MANY))))
    # Each client has one descriptor in this process, too.
    assert most <= MANY + listener.MAX_OPEN + 1


async def test_a_stop_does_not_wait_for_those_who_say_nothing():
    server = Worker().server()
    port = await server.start("127.0.0.1", 0)
    clients = [await Client.connect(port) for _ in range(20)]
    assert (await exchange(port, LIVEZ)).startswith(OK)
    async with asyncio.timeout(STOP_SECONDS / 2):
        await server.stop()
    assert [await client.rest() for client in clients] == [b""] * 20
    await close_all(clients)


async def test_a_stop_lets_answers_get_out():
    worker = Worker()
    worker.registry.register(Slow(0.03))
    server = worker.server()
    port = await server.start("127.0.0.1", 0)
    assert (await exchange(port, METRICS)).startswith(OK)
    resting = asyncio.create_task(exchange(port, METRICS))
    await asyncio.sleep(0.1)
    assert not resting.done()
    await server.stop()
    assert (await resting).startswith(OK)


async def test_a_stop_ends_also_those_who_do_not_read():
    worker = Worker()
    worker.about = {"long": "x" * 50_000_000}
    opened = Descriptors()
    server = worker.server()
    client = await Client.connect(await server.start("127.0.0.1", 0))
    client.writer.transport.pause_reading()
    await client.send(STATUS)
    await until(lambda: opened.count == 3)
    await server.stop()
    async with asyncio.timeout(connection.SECONDS / 2):
        await until(lambda: opened.count == 1)
    await client.close()

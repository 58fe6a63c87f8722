"""Who watches: how many there may be, what it costs to send to them, and when one is dropped."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from app.web import connection, hub, listener, watcher
from app.web.server import WebServer
from tests.app.web.rude import LIVEZ, Client, Descriptors, close_all, exchange, until
from tests.app.web.worker import Worker

EVENTS = LIVEZ.replace(b"livez", b"events")
OK = b"HTTP/1.1 200 OK"
Watching = Callable[[], Awaitable[Client]]


class House:
    """A server and its port."""

    def __init__(self, worker: Worker, server: WebServer, port: int) -> None:
        self.worker = worker
        self.shown = worker.shown
        self.server = server
        self.port = port

    @property
    def watchers(self) -> int:
        return self.server._hub.watchers

    async def watcher(self) -> Client:
        """One who watches, its head read."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20))
        await client.send(EVENTS)
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(OK)
        assert b"Content-Type: text/event-stream\r\n" in head
        assert await client.reader.readuntil(b"\n\n") == b"retry: 2000\n\n"
        return client


@pytest.fixture
async def house() -> AsyncIterator[House]:
    opened = Descriptors()
    worker = Worker()
    server = worker.server()
    yield House(worker, server, await server.start("127.0.0.1", 0))
    await server.stop()
    await until(lambda: opened.count == 0)


async def event(client: Client) -> dict[str, int]:
    async with asyncio.timeout(30):
        line = await client.reader.readuntil(b"\n\n")
    return json.loads(line.removeprefix(b"data: "))


async def test_without_watchers_nothing_is_asked_and_after_the_last_one_nothing_is_either(house: House):
    assert (await exchange(house.port, LIVEZ)).startswith(OK)
    assert (house.shown.begun, house.shown.asked) == (0, 0)
    for number in (1, 2):
        client = await house.watcher()
        await event(client)
        await client.close()
        await until(lambda number=number: house.shown.ended == number)
        assert house.shown.begun == number
    asked = house.shown.asked
    await asyncio.sleep(2 * hub.EVERY_SECONDS)
    assert house.shown.asked == asked


async def test_all_get_the_same_event_which_is_made_once(house: House):
    clients = [await house.watcher() for _ in range(20)]
    await until(lambda: house.watchers == 20)
    heard = [[(await event(client))["asked"] for _ in range(4)] for client in clients]
    for numbers in heard:
        # Each is the next one that was made, whoever else is sent it.
        assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert house.shown.begun == 1
    await close_all(clients)


async def test_events_do_not_come_faster_than_they_may(house: House):
    client = await house.watcher()
    clock = asyncio.get_running_loop().time
    await event(client)
    began = clock()
    for _ in range(4):
        await event(client)
    assert clock() - began >= 3.5 * hub.EVERY_SECONDS
    await client.close()


async def test_what_is_slow_to_make_is_made_less_often(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hub, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(hub.Hub, "_send", slow := Slow(0.02))
    client = await house.watcher()
    await until(lambda: len(slow.called_at) == 3)
    assert slow.called_at[2] - slow.called_at[0] >= 2 * hub.REST * 0.02
    await client.close()


async def test_a_pause_of_the_machine_is_no_work_and_not_rested_from(house: House, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(house.shown, "now", lambda: time.sleep(0.1))
    client = await house.watcher()
    async with asyncio.timeout(5):
        for _ in range(3):
            await client.reader.readuntil(b"data: null\n\n")
    await client.close()


async def test_no_rest_is_so_long_that_a_page_takes_its_connection_for_lost(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    assert hub.REST_SECONDS < 30 / 3
    monkeypatch.setattr(hub, "REST_SECONDS", 0.3)
    monkeypatch.setattr(hub.Hub, "_send", slow := Slow(60.0))
    client = await house.watcher()
    await until(lambda: len(slow.called_at) == 3)
    await client.close()


class Slow:
    """Says that it took so long."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.called_at: list[float] = []

    async def __call__(self) -> float:
        self.called_at.append(asyncio.get_running_loop().time())
        return self.seconds


async def test_one_who_does_not_read_is_skipped_then_dropped_and_holds_up_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hub, "EVERY_SECONDS", 0.01)
    monkeypatch.setattr(hub, "REST", 0)
    monkeypatch.setattr(watcher, "SLOW_SECONDS", 0.5)
    house.shown.what = {"long": "x" * 200_000}
    lazy, eager = await house.watcher(), await house.watcher()
    lazy.writer.transport.pause_reading()
    held: list[int] = []
    while house.watchers == 2:
        await event(eager)
        held += [each._transport.get_write_buffer_size() for each in house.server._hub._watchers]
    # Never more than the one event that it was given, or a part of it.
    assert 0 < max(held) <= 200_100
    assert (await event(eager))["asked"] > 10
    await close_all([lazy, eager])


async def test_one_who_reads_again_in_time_stays_and_has_missed_what_it_could_not_take(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hub, "EVERY_SECONDS", 0.01)
    monkeypatch.setattr(hub, "REST", 0)
    house.shown.what = {"long": "x" * 60_000}
    client = await house.watcher()
    client.writer.transport.pause_reading()
    asked = house.shown.asked
    await until(lambda: house.shown.asked > asked + 200)
    client.writer.transport.resume_reading()
    numbers = [(await event(client))["asked"] for _ in range(150)]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] - numbers[0] > len(numbers)
    await client.close()


async def test_beyond_the_most_the_newest_is_told_to_come_later_and_the_others_stay(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hub, "MOST", 3)
    clients = [await house.watcher() for _ in range(3)]
    refusal = await exchange(house.port, EVENTS)
    assert refusal.startswith(b"HTTP/1.1 503 Service Unavailable")
    assert b"\r\nRetry-After: 30\r\n" in refusal
    assert house.watchers == 3
    await clients.pop().close()
    await until(lambda: house.watchers == 2)
    clients.append(await house.watcher())
    await close_all(clients)


async def test_watchers_outlive_the_time_of_other_connections_and_are_not_pushed_out_by_crowds(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connection, "SECONDS", 0.5)
    monkeypatch.setattr(listener, "MAX_OPEN", 5)
    clients = [await house.watcher() for _ in range(8)]
    crowd = [await Client.connect(house.port) for _ in range(20)]
    assert (await exchange(house.port, LIVEZ)).startswith(OK)
    await asyncio.gather(*(client.rest() for client in crowd))
    newest = house.shown.asked
    for client in clients:
        while (await event(client))["asked"] <= newest + 1:
            pass
    assert house.watchers == 8
    await close_all([*clients, *crowd])


async def test_one_who_says_more_than_its_request_is_let_go(house: House):
    client = await house.watcher()
    await client.send(LIVEZ)
    await client.rest()
    await until(lambda: house.watchers == 0)
    await client.close()


async def test_one_who_leaves_while_its_request_is_read_leaves_nothing_behind(house: House):
    for _ in range(20):
        client = await Client.connect(house.port)
        await client.send(EVENTS)
        client.writer.transport.abort()
    assert (await exchange(house.port, LIVEZ)).startswith(OK)
    await until(lambda: house.watchers == 0 and house.shown.begun == house.shown.ended)


async def test_what_cannot_be_told_is_a_comment_and_the_next_event_comes(
    house: House, caplog: pytest.LogCaptureFixture
):
    house.shown.what = {"unwritable": object()}
    client = await house.watcher()
    assert await client.reader.readuntil(b"\n\n") == hub.NOTHING
    house.shown.what = {}
    while (heard := await client.reader.readuntil(b"\n\n")) == hub.NOTHING:
        pass
    assert heard.startswith(b"data: {")
    assert {record.message for record in caplog.records} == {"what the page shows cannot be told"}
    await client.close()


@pytest.mark.parametrize(
    ("site", "status"),
    [
        ("same-origin", b"200 OK"),
        ("none", b"200 OK"),
        ("same-site", b"403 Forbidden"),
        ("cross-site", b"403 Forbidden"),
    ],
)
async def test_pages_of_other_sites_take_no_places(house: House, site: str, status: bytes):
    client = await Client.connect(house.port)
    await client.send(EVENTS[:-2] + b"Sec-Fetch-Site: " + site.encode() + b"\r\n\r\n")
    assert (await client.reader.readline()).rstrip() == b"HTTP/1.1 " + status
    await client.close()


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://us", b"200 OK"),
        ("https://us", b"200 OK"),
        ("http://us:81", b"403 Forbidden"),
        ("http://them", b"403 Forbidden"),
        ("null", b"403 Forbidden"),
        ("", b"403 Forbidden"),
    ],
)
async def test_over_plain_http_pages_of_other_sites_are_known_by_their_origin(house: House, origin: str, status: bytes):
    client = await Client.connect(house.port)
    await client.send(EVENTS[:-2] + b"Origin: " + origin.encode() + b"\r\n\r\n")
    assert (await client.reader.readline()).rstrip() == b"HTTP/1.1 " + status
    assert house.watchers == (status == b"200 OK")
    await client.close()


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_where_browsers_do_not_say_who_asks_they_are_told_who_may_hold_the_events(house: House, method: bytes):
    client = await Client.connect(house.port)
    await client.send(EVENTS.replace(b"GET", method))
    head = await client.reader.readuntil(b"\r\n\r\n")
    assert b"\r\nCross-Origin-Resource-Policy: same-origin\r\n" in head
    assert b"\r\nContent-Security-Policy: frame-ancestors 'none'\r\n" in head
    await client.close()


async def test_of_a_head_request_only_the_head_is_answered(house: House):
    head, _, body = (await exchange(house.port, EVENTS.replace(b"GET", b"HEAD"))).partition(b"\r\n\r\n")
    assert head.startswith(OK)
    assert b"text/event-stream" in head
    assert (body, house.shown.begun) == (b"", 0)


async def test_another_method_is_refused(house: House):
    assert (await exchange(house.port, EVENTS.replace(b"GET", b"POST"))).startswith(b"HTTP/1.1 405")


async def test_a_client_of_http_1_0_is_told_the_same(house: House):
    client = await Client.connect(house.port)
    await client.send(EVENTS.replace(b"HTTP/1.1", b"HTTP/1.0"))
    await client.reader.readuntil(b"\r\n\r\nretry: 2000\n\n")
    assert (await event(client))["asked"] >= 1
    await client.close()


async def test_a_stop_ends_all_who_watch_at_once():
    opened = Descriptors()
    worker = Worker()
    server = worker.server()
    house = House(worker, server, await server.start("127.0.0.1", 0))
    clients = [await house.watcher() for _ in range(20)]
    async with asyncio.timeout(0.5):
        await server.stop()
    await asyncio.gather(*(client.rest() for client in clients))
    await close_all(clients)
    await until(lambda: opened.count == 0)
    assert (worker.shown.begun, worker.shown.ended) == (1, 1)


async def test_who_asks_once_it_has_stopped_is_refused_and_leaves_nothing_behind(house: House):
    client = await house.watcher()
    await event(client)
    early = await Client.connect(house.port)
    await house.server._hub.stop()
    await early.send(EVENTS)
    assert (await early.rest()).startswith(b"HTTP/1.1 503")
    await until(lambda: house.watchers == 0)
    assert (house.shown.begun, house.shown.ended) == (1, 1)
    await close_all([client, early])

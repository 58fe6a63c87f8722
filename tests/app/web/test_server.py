"""The HTTP port."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession
from prometheus_client import Counter
from yarl import URL

from app.errors import StartFailed
from app.ports import free_ports
from tests.app.web.rude import LIVEZ, exchange, has_ipv6
from tests.app.web.worker import Worker, listening

PATHS = ("/metrics", "/livez", "/readyz", "/status", "/", "/page.css", "/page.js")


@asynccontextmanager
async def serving(worker: Worker) -> AsyncIterator[ClientSession]:
    async with listening(worker) as port, ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session


async def test_metrics_are_those_of_the_registry_in_prometheus_text_format():
    worker = Worker()
    Counter("records", "how many", registry=worker.registry).inc(3)
    async with serving(worker) as session, session.get("/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert "records_total 3.0" in await answer.text()


@pytest.mark.parametrize(("path", "said"), [("/readyz", "not ready: no topics"), ("/livez", "sick: no topics")])
async def test_health_is_503_with_the_reason_while_there_is_one(path: str, said: str):
    worker = Worker()
    async with serving(worker) as session:
        for trouble, expected in ((None, (200, "ok\n")), ("no topics", (503, f"{said}\n")), (None, (200, "ok\n"))):
            worker.trouble = trouble
            async with session.get(path) as answer:
                assert (answer.status, await answer.text()) == expected


async def test_the_status_is_json_for_people_to_read():
    worker = Worker()
    worker.about = {"ready": True, "partitions": {"in[0]": {"records": 7}}, "none": None}
    async with serving(worker) as session, session.get("/status") as answer:
        text = await answer.text()
        assert answer.content_type == "application/json"
    assert json.loads(text) == worker.about
    assert text.count("\n") > 3


@pytest.mark.parametrize("path", PATHS)
async def test_only_get_and_head_are_answered(path: str):
    worker = Worker()
    Counter("records", "how many", registry=worker.registry)
    async with serving(worker) as session:
        async with session.get(path) as answer:
            size = len(await answer.read())
        async with session.head(path) as answer:
            assert (answer.status, await answer.read()) == (200, b"")
            assert answer.headers["Content-Length"] == str(size)
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            async with session.request(method, path, data=b"some") as answer:
                assert answer.status == 405
                assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    ["/index.html", "/page/page.js", "/metrics/", "/table", "/router", "/livez/x", "/..%2fstatus", "/%2e%2e/status"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_there_is_nothing_else(method: str, path: str):
    async with serving(Worker()) as session, session.request(method, URL(path, encoded=True)) as answer:
        assert (answer.status, await answer.text()) == (404, "404 Not Found\n")


async def test_a_query_changes_nothing():
    async with serving(Worker()) as session, session.get("/livez?verbose=1") as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /livez HTTP/1.1", b"200 OK"),
        ("GET /nothing HTTP/1.1", b"404 Not Found"),
        ("POST /livez HTTP/1.1", b"405 Method Not Allowed"),
        ("BREW /livez HTTP/1.1", b"400 Bad Request"),
        ("\x16\x03\x01 what a TLS client says", b"400 Bad Request"),
        ("GET /status HTTP/1.1", b"500 Internal Server Error"),
    ],
)
async def test_no_answer_tells_versions_or_where_the_code_broke(
    request_line: str, status: bytes, caplog: pytest.LogCaptureFixture
):
    worker = Worker()
    worker.about = {"unwritable": object()}
    async with listening(worker) as port:
        answer = await exchange(port, f"{request_line}\r\nHost: us\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 " + status, b"HTTP/1.0 " + status))
    assert b"\r\nServer: streamrank\r\n" in head
    assert body in {b"ok\n", status + b"\n"}
    assert [record.message for record in caplog.records] == ["/status cannot be shown"] * (b"500" in status)


async def test_only_the_configured_address_is_listened_on():
    async with listening(Worker(), "127.0.0.1") as port:
        assert (await exchange(port, LIVEZ)).endswith(b"ok\n")
        # Another address of this machine; any of 127.0.0.0/8 is.
        with pytest.raises(ConnectionRefusedError):
            await exchange(port, LIVEZ, "127.0.0.2")
    async with listening(Worker(), "0.0.0.0") as port:  # noqa: S104 - for a moment, and it knows nothing
        assert (await exchange(port, LIVEZ, "127.0.0.2")).endswith(b"ok\n")


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_ipv6_is_listened_on_when_it_is_asked_for():
    async with listening(Worker(), "::1") as port:
        assert (await exchange(port, LIVEZ, "::1")).endswith(b"ok\n")
        with pytest.raises(ConnectionRefusedError):
            await exchange(port, LIVEZ, "127.0.0.1")


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
async def test_a_name_is_listened_for_on_all_its_addresses():
    port = free_ports(1)[0]
    server = Worker().server()
    assert await server.start("localhost", port) == port
    assert (await exchange(port, LIVEZ, "127.0.0.1")).endswith(b"ok\n")
    await server.stop()


async def test_a_taken_port_is_a_message_that_names_the_settings():
    first, second = Worker().server(), Worker().server()
    port = await first.start("127.0.0.1", 0)
    with pytest.raises(StartFailed, match=f"HTTP_HOST=127.0.0.1 HTTP_PORT={port}: .*choose another address"):
        await second.start("127.0.0.1", port)
    await second.stop()
    await first.stop()


async def test_an_address_that_is_not_ours_is_a_message():
    server = Worker().server()
    with pytest.raises(StartFailed, match=r"HTTP_HOST=192\.0\.2\.1 HTTP_PORT=0: "):
        await server.start("192.0.2.1", 0)
    await server.stop()

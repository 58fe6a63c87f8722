"""The HTTP port."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession
from prometheus_client import CollectorRegistry, Counter

from app.errors import StartFailed
from app.web.server import WebServer

PATHS = ("/metrics", "/livez", "/readyz", "/status")


class Worker:
    """What a server asks of a worker."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.trouble: str | None = None
        self.about: dict[str, Any] = {}

    def server(self) -> WebServer:
        return WebServer(
            self.registry,
            unready=lambda: self.trouble and f"not ready: {self.trouble}",
            unhealthy=lambda: self.trouble and f"sick: {self.trouble}",
            status=lambda: self.about,
        )


@asynccontextmanager
async def serving(worker: Worker) -> AsyncIterator[ClientSession]:
    server = worker.server()
    port = await server.start("127.0.0.1", 0)
    async with ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session
    await server.stop()


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
    async with serving(Worker()) as session:
        async with session.head(path) as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            async with session.request(method, path) as answer:
                assert answer.status == 405


@pytest.mark.parametrize("path", ["/", "/metrics/", "/table", "/router", "/livez/x", "/..%2fstatus"])
async def test_there_is_nothing_else(path: str):
    async with serving(Worker()) as session, session.get(path) as answer:
        assert answer.status == 404


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

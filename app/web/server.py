"""The HTTP port: metrics for Prometheus, health for orchestrators, status and a live page for people."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from app.errors import StartFailed
from app.web.connection import Connection
from app.web.exposition import Exposition, Format
from app.web.files import page_files
from app.web.hub import Hub, Shown
from app.web.listener import Listener
from app.web.watcher import OWN_ONLY

logger = logging.getLogger(__name__)

METHODS = ("GET", "HEAD")
STOP_SECONDS = 1.0
FULL_SECONDS = 30
"""When one who cannot watch, since too many do, may ask again."""
_OPTIONS: dict[str, Any] = {
    "access_log": None,
    "max_line_size": 8190,
    "max_field_size": 8190,
    "lingering_time": 0,  # or aiohttp would read on what nobody wants, as fast as it comes
}


class WebServer:
    """Serve `/metrics`, `/livez`, `/readyz`, `/status` and the page at `/`; GET and HEAD only, one answer a connection.

    The answer to `/events` has no end: it is the page's events, one after the other.

    Args:
        registry: the metrics.
        unready: why the worker is not ready; None when it is.
        unhealthy: why only a restart would help; None when it would not.
        status: what `/status` shows.
        shown: what the page shows.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        unready: Callable[[], str | None],
        unhealthy: Callable[[], str | None],
        status: Callable[[], dict[str, Any]],
        shown: Shown,
    ) -> None:
        self._exposition = Exposition(registry)
        self._unready = unready
        self._unhealthy = unhealthy
        self._status = status
        self._pages: dict[str, Callable[[], Awaitable[web.Response]]] = {
            "/livez": self._livez,
            "/readyz": self._readyz,
            "/status": self._about,
            **{path: each.answer for path, each in page_files().items()},
        }
        self._hub = Hub(shown)
        self._listener = Listener(self._protocol)
        self._server: web.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which the system chose when *port* is 0.

        Raises:
            StartFailed: the address cannot be had.
        """
        self._server = web.Server(self._answer)
        try:
            return await self._listener.start(host, port)
        except OSError as error:
            raise StartFailed(f"HTTP_HOST={host} HTTP_PORT={port}: {error.strerror}; choose another address") from error

    async def stop(self) -> None:
        """Stop listening, let answers that are being written get out, end all connections."""
        await self._listener.stop()
        await self._hub.stop()
        if self._server is not None:
            self._server.pre_shutdown()
            await self._server.shutdown(STOP_SECONDS)
        self._listener.abort()

    def _protocol(self) -> asyncio.Protocol:
        assert self._server is not None  # noqa: S101 - nothing comes in before the start
        return _Protocol(self._server, loop=asyncio.get_running_loop(), **_OPTIONS)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        try:
            return _last(await self._page(request))
        except Exception:
            logger.exception("%s cannot be shown", request.path)
            return _plain(HTTPStatus.INTERNAL_SERVER_ERROR)

    async def _page(self, request: web.BaseRequest) -> web.Response:
        page = self._pages.get(request.path)
        if request.path == "/metrics":
            page = partial(self._metrics, ",".join(request.headers.getall("Accept", ())))
        if page is None and request.path != "/events":
            return _plain(HTTPStatus.NOT_FOUND)
        if request.method not in METHODS:
            refusal = _plain(HTTPStatus.METHOD_NOT_ALLOWED)
            refusal.headers["Allow"] = ", ".join(METHODS)
            return refusal
        return self._events(request) if page is None else await page()

    def _events(self, request: web.BaseRequest) -> web.Response:
        # Another site's page could not read the events, but take all places.
        if _is_foreign(request):
            return _plain(HTTPStatus.FORBIDDEN)
        if self._hub.is_full:
            refusal = _plain(HTTPStatus.SERVICE_UNAVAILABLE)
            refusal.headers["Retry-After"] = str(FULL_SECONDS)
            return refusal
        transport = request.transport
        if request.method == "GET" and transport is not None:
            connection = transport.get_protocol()
            assert isinstance(connection, Connection)  # noqa: S101 - the listener makes no other
            connection.hand_over(self._hub.watcher())
        # Of a GET nobody sees it: the connection is the watcher's now.
        return web.Response(content_type="text/event-stream", headers=OWN_ONLY)

    async def _metrics(self, accept: str) -> web.Response:
        form = Format.accepted(accept)
        return web.Response(body=await self._exposition.text(form), headers={"Content-Type": form.content_type})

    async def _livez(self) -> web.Response:
        return _health(self._unhealthy())

    async def _readyz(self) -> web.Response:
        return _health(self._unready())

    async def _about(self) -> web.Response:
        text = msgspec.json.format(msgspec.json.encode(self._status()), indent=2)
        return web.Response(body=text + b"\n", content_type="application/json")


class _Protocol(web.RequestHandler):
    """aiohttp's, except for what becomes of requests that it cannot read, and of connections that it has lost."""

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection; aiohttp would close it, and it may have been handed over."""
        self.transport = None
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.Response:
        """Tell the client no more than the status, and nobody else anything: aiohttp logs a traceback for each."""
        logger.debug("unreadable HTTP request", extra={"error": repr(exc)})
        return _plain(HTTPStatus(status))


def _is_foreign(request: web.BaseRequest) -> bool:
    """Whether a browser says that another site's page asks; over plain http it may say nothing of that."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return True
    origin = request.headers.get("Origin")
    # The scheme is not compared: a proxy may have taken TLS off.
    return origin is not None and origin.partition("://")[2] != request.headers.get("Host")


def _health(trouble: str | None) -> web.Response:
    if trouble is None:
        return web.Response(text="ok\n")
    return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE, text=trouble + "\n")


def _plain(status: HTTPStatus) -> web.Response:
    return _last(web.Response(status=status, text=f"{status} {status.phrase}\n"))


def _last(answer: web.Response) -> web.Response:
    """Make it the only one on its connection; a client that sends without end would keep the event loop busy."""
    answer.force_close()
    answer.headers["Server"] = "streamrank"  # aiohttp would tell its version and Python's
    return answer

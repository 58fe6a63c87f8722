"""The HTTP port: metrics for Prometheus, health for orchestrators, status for people."""

from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from app.errors import StartFailed


class WebServer:
    """Serve `/metrics`, `/livez`, `/readyz` and `/status`; GET and HEAD only.

    Args:
        registry: the metrics.
        unready: why the worker is not ready; None when it is.
        unhealthy: why only a restart would help; None when it would not.
        status: what `/status` shows.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        unready: Callable[[], str | None],
        unhealthy: Callable[[], str | None],
        status: Callable[[], dict[str, Any]],
    ) -> None:
        self._registry = registry
        self._unready = unready
        self._unhealthy = unhealthy
        self._status = status
        app = web.Application()
        app.router.add_get("/metrics", self._get_metrics)
        app.router.add_get("/livez", self._get_livez)
        app.router.add_get("/readyz", self._get_readyz)
        app.router.add_get("/status", self._get_status)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which the system chose when *port* is 0.

        Raises:
            StartFailed: the address cannot be had.
        """
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise StartFailed(f"HTTP_HOST={host} HTTP_PORT={port}: {error.strerror}; choose another address") from error
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _get_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _get_livez(self, _: web.Request) -> web.Response:
        return _health(self._unhealthy())

    async def _get_readyz(self, _: web.Request) -> web.Response:
        return _health(self._unready())

    async def _get_status(self, _: web.Request) -> web.Response:
        text = msgspec.json.format(msgspec.json.encode(self._status()), indent=2)
        return web.Response(body=text + b"\n", content_type="application/json")


def _health(trouble: str | None) -> web.Response:
    if trouble is None:
        return web.Response(text="ok\n")
    return web.Response(status=503, text=trouble + "\n")

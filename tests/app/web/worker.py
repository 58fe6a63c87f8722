"""A worker to ask, and its HTTP port."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from app.web.server import WebServer


class Worker:
    """What a server asks of a worker."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.trouble: str | None = None
        self.about: dict[str, Any] = {}
        self.shown = Watched()

    def server(self) -> WebServer:
        return WebServer(
            self.registry,
            unready=lambda: self.trouble and f"not ready: {self.trouble}",
            unhealthy=lambda: self.trouble and f"sick: {self.trouble}",
            status=lambda: self.about,
            shown=self.shown,
        )


class Watched:
    """What a page shows, and how often that was asked; begun and ended tell when anybody watched."""

    def __init__(self) -> None:
        self.what: Any = {}
        self.asked = self.begun = self.ended = 0

    def begin(self) -> None:
        self.begun += 1

    def end(self) -> None:
        self.ended += 1

    def now(self) -> Any:
        self.asked += 1
        return {"asked": self.asked} | self.what


class Slow(Collector):
    """A metric that takes its time, and counts how often it was asked."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked = 0

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        self.asked += 1
        time.sleep(self.seconds)
        yield GaugeMetricFamily("asked", "how often", self.asked)


@asynccontextmanager
async def listening(worker: Worker, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A server for *worker*; yields its port."""
    server = worker.server()
    port = await server.start(host, 0)
    try:
        yield port
    finally:
        await server.stop()

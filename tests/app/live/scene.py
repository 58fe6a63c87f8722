"""A worker's page with what it publishes, without a broker; and its port, in a thread of its own."""

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from app.errors import RejectedRecord
from app.health import Health
from app.live.newest import Newest
from app.live.view import View
from app.metrics import Metrics
from app.outcome import Outcome
from app.web.server import WebServer
from config.settings import load_settings
from tests.app.chunks import chunk, record

REQUIRED = {"INPUT_TOPIC": "races", "OUTPUT_TOPIC": "races.rankings", "MODEL_PATH": "models/winner"}


class Scene:
    """What a page is made of; *variables* are further settings."""

    def __init__(self, **variables: str) -> None:
        self.settings = load_settings(REQUIRED | variables, env_file=None)
        self.health = Health(self.settings)
        self.health.waiting_for.clear()
        self.metrics = Metrics()
        self.newest = Newest()
        self.view = View(self.settings, self.health, self.metrics.registry, self.newest)
        self._offset = 0

    @property
    def watched(self) -> bool:
        """Whether anything is kept for somebody who watches."""
        return self.newest._kept is not None

    def server(self) -> WebServer:
        health = self.health
        return WebServer(
            self.metrics.registry,
            unready=health.unready,
            unhealthy=health.unhealthy,
            status=health.status,
            shown=self.view,
        )

    def publish(self, *pairs: tuple[Any, Outcome], partition: int = 0) -> None:
        """Let the broker confirm what became of records, each given as what its JSON says."""
        records = []
        for value, _ in pairs:
            records.append(record(self._offset, json.dumps(value).encode(), partition=partition))
            self._offset += 1
        outcomes = [outcome for _, outcome in pairs]
        self.metrics.consumed(chunk(*records))
        self.metrics.confirmed(chunk(*records), outcomes)
        self.newest.published(chunk(*records), outcomes)

    def refuse(self, rejection: RejectedRecord) -> None:
        self.publish(({}, rejection))

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[str]:
        """The page's URL; the event loop has a thread of its own, so that a browser can be waited for."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()

        def done(work: Coroutine[Any, Any, Any]) -> Any:
            return asyncio.run_coroutine_threadsafe(work, loop).result(30)

        server = self.server()
        try:
            yield f"http://127.0.0.1:{done(server.start('127.0.0.1', port))}/"
        finally:
            done(server.stop())
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


def ranking(name: Any, entries: Sequence[tuple[Any, float | None]], version: str = "3") -> bytes:
    """The value of an output record."""
    predictions = [{"rank": rank, "label": label, "score": score} for rank, (label, score) in enumerate(entries, 1)]
    return json.dumps({"id": name, "model": "m", "model_version": version, "predictions": predictions}).encode()


def standing(group: Any, entries: Sequence[tuple[Any, float | None, int | None]], version: str = "3") -> bytes:
    """The value of an output record about a group."""
    predictions = [
        {"rank": rank, "label": label, "score": score, "change": change}
        for rank, (label, score, change) in enumerate(entries, 1)
    ]
    value = {"id": "x", "group": group, "model": "m", "model_version": version, "predictions": predictions}
    return json.dumps(value).encode()

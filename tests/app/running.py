"""A worker in the process of the tests, on a real broker."""

import asyncio
import os
import signal
from collections.abc import Callable
from typing import NoReturn

import pytest

from app.worker import Worker


def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a worker from ending the process."""

    def end_now(status: int) -> NoReturn:
        raise AssertionError(f"the worker would have ended the process with {status}")

    monkeypatch.setattr("app.worker._end_now", end_now)
    monkeypatch.setattr("app.collector.spare", lambda: None)


class Run:
    """A worker that serves in a task."""

    def __init__(self, worker: Worker, port: int) -> None:
        self.worker = worker
        self.health = worker._health
        self.port = port
        self.task = asyncio.create_task(worker.serve())

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(90):
            while not condition():
                assert not self.task.done(), f"ended with {self.task.result()}"
                await asyncio.sleep(0.01)

    async def ready(self) -> None:
        await self.until(lambda: self.health.unready() is None)

    async def ended(self) -> int:
        return await asyncio.wait_for(asyncio.shield(self.task), 30)

    async def stop(self) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return await self.ended()

"""What the tests of producers share: a connected client, records to publish, and what is read of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from app.kafka.client import Client
from app.records import Outgoing
from tests.broker.records import Record


@asynccontextmanager
async def connected(bootstrap_servers: str, *topics: str, **options: Any) -> AsyncIterator[Client]:
    """A client that knows *topics*."""
    client = Client([bootstrap_servers], **options)
    await client.start()
    await client.watch(topics)
    try:
        yield client
    finally:
        await client.stop()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def numbered(count: int, size: int = 10, start: int = 0) -> list[Outgoing]:
    numbers = range(start, start + count)
    return [Outgoing(b"k%d" % number, b"%d" % number + b"." * size, []) for number in numbers]


def same(read: list[Record], published: list[Outgoing]) -> bool:
    return [(each.key, each.value) for each in read] == [(each.key, each.value) for each in published]

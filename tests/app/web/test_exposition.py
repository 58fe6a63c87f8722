"""How often the metrics are written."""

import asyncio
import time

import pytest
from prometheus_client import CollectorRegistry

from app.web.exposition import Exposition
from tests.app.web.worker import Slow


def exposition(slow: Slow) -> Exposition:
    registry = CollectorRegistry()
    registry.register(slow)
    return Exposition(registry)


async def test_all_who_wait_get_what_is_written_once():
    slow = Slow(0.001)
    metrics = exposition(slow)
    texts = await asyncio.gather(*(metrics.text() for _ in range(500)))
    assert slow.asked <= 2
    assert len(set(texts)) == slow.asked


async def test_who_asks_afterwards_gets_what_is_true_then():
    metrics = exposition(Slow(0))
    assert [b"asked %d.0" % number in await metrics.text() for number in (1, 2, 3)] == [True] * 3


async def test_nine_tenths_of_the_time_are_left_to_others():
    metrics = exposition(Slow(0.02))
    began = time.monotonic()
    for _ in range(3):
        await metrics.text()
    assert time.monotonic() - began >= 2 * 0.2


async def test_who_gives_up_waiting_holds_up_nobody():
    metrics = exposition(Slow(0.02))
    await metrics.text()
    waiting = [asyncio.create_task(metrics.text()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    assert len(set(await asyncio.gather(*waiting[1:]))) == 1
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]

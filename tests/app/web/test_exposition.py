"""How often the metrics are written."""

import asyncio
import time

import pytest
from prometheus_client import CollectorRegistry

from app.web.exposition import Exposition, Format
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


async def test_who_asks_for_the_other_format_at_the_same_time_gets_that():
    metrics = exposition(Slow(0))
    texts = await asyncio.gather(*(metrics.text(form) for form in (Format.TEXT, Format.OPEN_METRICS, Format.TEXT)))
    assert [b"asked 1.0" in texts[0], b"asked 2.0" in texts[1]] == [True, True]
    assert [text.endswith(b"# EOF\n") for text in texts] == [False, True, False]


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        ("text/plain;version=0.0.4", Format.TEXT),
        ("application/openmetrics-text", Format.OPEN_METRICS),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2", Format.OPEN_METRICS),
        ("text/plain;version=1.0.0,application/openmetrics-text;version=1.0.0", Format.TEXT),
    ],
)
def test_openmetrics_is_written_for_those_who_ask_for_it(header: str, form: Format):
    assert Format.accepted(header) is form

import asyncio

import pytest

from app.deadletters.pace import Pace


@pytest.mark.parametrize(("rate", "together"), [(None, 500), (0.5, 1), (10, 1), (11, 2), (1000, 100), (1_000_000, 500)])
def test_a_tenth_of_a_second_goes_together(rate: float | None, together: int) -> None:
    assert Pace(rate).together(500) == together
    assert Pace(rate).together(1) == 1


async def test_so_many_a_second_go_and_the_first_at_once() -> None:
    pace, stop = Pace(100), asyncio.Event()
    began = asyncio.get_running_loop().time()
    for _ in range(4):
        await pace.wait(10, stop)
    assert asyncio.get_running_loop().time() - began >= 0.3
    async with asyncio.timeout(30):
        await Pace(0.001).wait(10, stop)


async def test_what_was_not_used_is_not_made_up_for() -> None:
    pace, stop = Pace(100), asyncio.Event()
    await pace.wait(1, stop)
    await asyncio.sleep(0.2)
    began = asyncio.get_running_loop().time()
    for _ in range(3):
        await pace.wait(5, stop)
    assert asyncio.get_running_loop().time() - began >= 0.1


async def test_a_stop_ends_the_wait() -> None:
    pace, stop = Pace(0.001), asyncio.Event()
    await pace.wait(1, stop)
    waiting = asyncio.create_task(pace.wait(1, stop))
    await asyncio.sleep(0)
    stop.set()
    async with asyncio.timeout(30):
        await waiting


async def test_without_a_rate_nobody_waits() -> None:
    async with asyncio.timeout(30):
        for _ in range(1000):
            await Pace(None).wait(500, asyncio.Event())

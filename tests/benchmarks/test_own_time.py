import asyncio
import time

import pytest

from benchmarks.own_time import Core, OwnTime


def _busy(seconds: float) -> str:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return "done"


def test_waiting_takes_no_time_and_counts() -> None:
    loop = OwnTime()
    loop.run_until_complete(asyncio.sleep(3600))
    assert 3600 <= loop.time() < 3610
    loop.close()


def test_calls_count_one_after_the_other_on_a_core_of_their_own() -> None:
    loop = OwnTime()
    core = Core(loop)

    async def both() -> list[float]:
        calls = [loop.run_in_executor(core, _busy, 0.05) for _ in range(2)]
        handed, ends = loop.time(), []
        for call in calls:
            assert await call == "done"
            ends.append(loop.time())
        return [handed, *ends]

    began = loop.time()
    handed, first, second = (each - began for each in loop.run_until_complete(both()))
    assert handed < 0.05 <= first < 0.1 <= second
    loop.close()


def test_a_call_that_fails_fails_when_it_would_have_ended() -> None:
    loop = OwnTime()

    async def fail() -> None:
        await loop.run_in_executor(Core(loop), int, "x")

    with pytest.raises(ValueError, match="invalid literal"):
        loop.run_until_complete(fail())
    loop.close()

"""What is stuck is told once; what waits for others, or works, is left alone."""

import asyncio
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from app.errors import Stuck
from app.progress import Progress
from app.watchdog import Watchdog

OURS, OTHER = TP("in", 0), TP("in", 1)


class Bench:
    """A watchdog over parts that we set, on a clock that we set."""

    def __init__(self) -> None:
        self.now = 0.0
        self.progress = Progress(lambda: self.now)
        self.serving: Any = SimpleNamespace(
            scorer=SimpleNamespace(longest_call_seconds=0.0),
            pipeline=SimpleNamespace(unconfirmed=set(), publishing=set()),
            broker_trouble=None,
            waits=True,
        )
        self.told: list[Stuck] = []
        self.dog = Watchdog(
            self.serving, self.progress, model_timeout_seconds=5.0, stuck_seconds=60.0, on_stuck=self.told.append
        )

    def after(self, seconds: float) -> Stuck | None:
        self.now += seconds
        return self.dog._look()


def test_a_model_call_that_does_not_return_is_told_with_the_setting_that_limits_it():
    bench = Bench()
    bench.serving.scorer.longest_call_seconds = 4.9
    assert bench.after(1) is None
    bench.serving.scorer.longest_call_seconds = 5.1
    assert str(bench.after(1)) == "a model call has not returned for 5 s, longer than MODEL_TIMEOUT_SECONDS=5"


def test_records_that_wait_while_nothing_moves_are_told():
    bench = Bench()
    assert bench.after(60) is None
    assert "nothing has moved for 61 s" in str(bench.after(1))


def test_whoever_moves_now_and_then_is_left_alone():
    bench = Bench()
    for _ in range(5):
        assert bench.after(59) is None
        bench.progress.moved()


@pytest.mark.parametrize(
    "reason",
    [
        lambda serving: setattr(serving, "broker_trouble", "the broker has not answered for 99 s"),
        lambda serving: setattr(serving, "waits", False),
        lambda serving: setattr(serving.scorer, "longest_call_seconds", 3.0),
    ],
    ids=["an outage", "nothing to do", "the model works"],
)
def test_whoever_stands_still_for_a_reason_is_left_alone_and_has_all_the_time_afterwards(reason: Any):
    bench = Bench()
    reason(bench.serving)
    for _ in range(5):
        assert bench.after(59) is None
    bench.serving.broker_trouble, bench.serving.waits = None, True
    bench.serving.scorer.longest_call_seconds = 0.0
    assert bench.after(59) is None
    assert bench.after(2) is not None


def test_rankings_that_wait_while_none_is_sent_are_told_whatever_else_moves():
    bench = Bench()
    bench.serving.pipeline.unconfirmed = bench.serving.pipeline.publishing = {OURS}
    for _ in range(3):
        assert bench.after(20) is None
        bench.progress.moved()
    assert "none has been sent for 61 s" in str(bench.after(1))


def test_what_is_predicted_again_after_a_loss_may_take_its_time_but_makes_nothing_undone():
    bench = Bench()
    pipeline = bench.serving.pipeline
    pipeline.unconfirmed = {OURS}
    for _ in range(8):
        pipeline.publishing = {OURS}
        assert bench.after(7) is None
        pipeline.publishing = set()
        assert bench.after(50) is None
        bench.progress.moved()
    pipeline.publishing = {OURS}
    assert "none has been sent for 63 s" in str(bench.after(7))


@pytest.mark.parametrize("source", [None, OURS])
def test_whoever_sends_now_and_then_is_left_alone(source: TP | None):
    bench = Bench()
    bench.serving.pipeline.unconfirmed = bench.serving.pipeline.publishing = {OURS}
    for _ in range(5):
        assert bench.after(59) is None
        bench.progress.attempted(source)


def test_what_others_send_is_no_excuse():
    bench = Bench()
    bench.serving.pipeline.unconfirmed = bench.serving.pipeline.publishing = {OURS, OTHER}
    for _ in range(30):
        assert bench.after(2) is None
        bench.progress.attempted(OTHER)
    assert "rankings of in[0] wait" in str(bench.after(2))


async def test_it_is_told_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("app.watchdog.LOOK_SECONDS", 0.001)
    bench = Bench()
    bench.now = 100.0
    await asyncio.wait_for(bench.dog.run(), 10)
    assert len(bench.told) == 1


HELD_UP = """
import asyncio, time
from types import SimpleNamespace
from app.progress import Progress
from app.watchdog import Watchdog

async def main():
    serving = SimpleNamespace(
        scorer=SimpleNamespace(longest_call_seconds=0.0),
        pipeline=SimpleNamespace(unconfirmed=set(), publishing=set()),
        broker_trouble=None,
        waits=False,
    )
    dog = Watchdog(serving, Progress(), model_timeout_seconds=0.2, stuck_seconds={seconds}, on_stuck=print)
    watch = asyncio.create_task(dog.run())
    await asyncio.sleep(0)
    {then}

def a_call_that_does_not_return():
    time.sleep(60)

asyncio.run(main())
"""


async def test_an_event_loop_that_is_held_up_ends_the_process_and_tells_by_what():
    code = HELD_UP.format(seconds=0.4, then="a_call_that_does_not_return()")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"a_call_that_does_not_return" in said


async def test_a_watchdog_that_is_cancelled_ends_no_process_any_more():
    code = HELD_UP.format(seconds=0.4, then="watch.cancel(); await asyncio.wait([watch]); time.sleep(1)")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert (process.returncode, said) == (0, b"")

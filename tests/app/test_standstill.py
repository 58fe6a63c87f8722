"""A process that stood still ends before it does anything; a busy one does not."""

import pytest

from app.standstill import Standstill, awake


class Bench:
    """A standstill watch on a clock that we set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, session_seconds: float = 10.0) -> None:
        self.now = 1000.0
        self.heard_at = 1000.0
        self.told: list[float] = []
        monkeypatch.setattr("app.standstill.awake", lambda: self.now)
        self.watch = Standstill(session_seconds, lambda: self.heard_at, self.told.append)

    def look_after(self, seconds: float) -> list[float]:
        self.now += seconds
        self.watch.check()
        return self.told


def test_whoever_stood_still_for_longer_than_the_group_waits_is_told_before_anything_leaves(
    monkeypatch: pytest.MonkeyPatch,
):
    assert Bench(monkeypatch).look_after(12) == [12]


def test_a_standstill_that_the_group_did_not_notice_is_none(monkeypatch: pytest.MonkeyPatch):
    assert Bench(monkeypatch).look_after(9) == []


def test_the_last_heartbeat_counts_and_not_the_moment_of_the_stop(monkeypatch: pytest.MonkeyPatch):
    bench = Bench(monkeypatch)
    bench.heard_at -= 3
    assert bench.look_after(7) == [7]


def test_a_busy_event_loop_whose_heartbeats_are_answered_is_no_standstill(monkeypatch: pytest.MonkeyPatch):
    bench = Bench(monkeypatch)
    bench.heard_at += 29
    assert bench.look_after(30) == []


def test_a_broker_that_answers_no_heartbeats_is_no_standstill_either(monkeypatch: pytest.MonkeyPatch):
    bench = Bench(monkeypatch)
    for _ in range(60):
        bench.watch._ticked_at = bench.now
        assert bench.look_after(1) == []


def test_the_clock_counts_the_time_in_which_the_machine_slept():
    first = awake()
    assert 0 <= awake() - first < 60

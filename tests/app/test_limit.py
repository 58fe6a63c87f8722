"""How the largest batch shrinks and grows again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.limit import BatchLimit


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_falls_to_half_of_the_batch_that_failed_and_never_below_one():
    limit = BatchLimit(512)
    seen = []
    for failed in (300, 100, 512, 3, 1):
        limit.lower(failed)
        seen.append(limit.rows)
    assert seen == [150, 50, 50, 1, 1]


def test_it_rises_by_an_eighth_each_time_that_memory_sufficed_for_long_enough_up_to_where_it_was():
    clock = Clock()
    limit = BatchLimit(100, raise_seconds=60, clock=clock)
    limit.lower(100)
    seen = [limit.rows]
    while limit.rows < 100:
        clock.now += 60
        limit.went_through(limit.rows)
        limit.went_through(limit.rows)
        seen.append(limit.rows)
    assert seen == [50, 56, 63, 70, 78, 87, 97, 100]


def test_a_limit_of_one_row_rises_too():
    clock = Clock()
    limit = BatchLimit(512, raise_seconds=1, clock=clock)
    limit.lower(2)
    clock.now = 1
    limit.went_through(1)
    assert limit.rows == 2


def test_a_batch_that_is_not_full_proves_nothing():
    clock = Clock()
    limit = BatchLimit(100, raise_seconds=60, clock=clock)
    limit.lower(100)
    clock.now = 1000
    limit.went_through(49)
    assert limit.rows == 50


def test_memory_that_runs_out_again_begins_the_wait_anew():
    clock = Clock()
    limit = BatchLimit(100, raise_seconds=60, clock=clock)
    limit.lower(100)
    clock.now = 59
    limit.lower(100)
    clock.now = 118
    limit.went_through(50)
    assert limit.rows == 50


@given(st.lists(st.integers(1, 2000)))
def test_whatever_happens_it_stays_between_one_and_the_most(events: list[int]):
    limit = BatchLimit(512, raise_seconds=0)
    for rows in events:
        if rows % 2:
            limit.lower(rows)
        else:
            limit.went_through(rows)
        assert 1 <= limit.rows <= 512


def test_every_shortage_is_counted_and_one_line_warns_until_it_is_over(caplog: pytest.LogCaptureFixture):
    counted: list[int] = []
    limit = BatchLimit(16, on_lower=lambda: counted.append(1), raise_seconds=0)
    for failed in (16, 8, 8):
        limit.lower(failed)
    assert len(counted) == 3
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "lower BATCH_MAX_SIZE" in caplog.records[0].message
    while limit.rows < 16:
        limit.went_through(limit.rows)
    limit.lower(16)
    assert [record.levelname for record in caplog.records if record.levelname == "WARNING"] == ["WARNING"] * 2

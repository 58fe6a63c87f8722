"""What is learned of the time that calls take."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.call_times import FORGET_SECONDS, MEMORY, CallTimes, rising
from app.target import doubling

CALLS = st.lists(st.tuples(st.integers(1, 64), st.floats(0, 10)), min_size=1, max_size=20)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def taught(*calls: tuple[int, float], padded: bool = False, clock: Clock | None = None) -> CallTimes:
    times = CallTimes((8, 64, 512) if padded else doubling(512), padded=padded, clock=clock or Clock())
    for rows, seconds in calls:
        times.saw(rows, seconds)
    return times


def test_of_nothing_nothing_is_known():
    times = taught()
    assert not times
    assert (times.mean(8), times.high(8), times.largest, times.known_up_to) == (0, 0, 0, 0)


def test_between_two_sizes_the_time_lies_on_the_line():
    assert taught((8, 1.0), (16, 2.0)).mean(12) == pytest.approx(1.5)


def test_fewer_rows_than_were_ever_seen_take_no_longer_than_those():
    assert taught((8, 1.0)).mean(1) == 1.0


def test_beyond_what_is_known_the_mean_hopes_for_the_best_and_the_high_fears_the_worst():
    times = taught((8, 1.0), (16, 1.2))
    assert times.mean(32) == pytest.approx(1.6)
    assert times.high(32) == pytest.approx(2 * times.high(16))
    assert times.high(16) > times.mean(16)


def test_padded_rows_take_the_time_of_the_size_that_they_are_filled_up_to():
    times = taught((3, 1.0), (9, 4.0), padded=True)
    assert [times.mean(rows) for rows in (1, 8, 9, 64)] == [1.0, 1.0, 4.0, 4.0]


def test_a_model_that_becomes_slower_is_noticed_within_a_few_calls():
    times = taught(*[(8, 1.0)] * 100, *[(8, 10.0)] * MEMORY)
    assert times.mean(8) > 5


@pytest.mark.parametrize("others", [1, 100])
def test_a_single_strange_call_changes_little(others: int):
    times = taught(*[(8, 1.0)] * others, (8, 1000.0), *[(8, 1.0)] * MEMORY)
    assert times.mean(8) < 1.1


def test_two_strange_calls_in_a_row_are_believed():
    assert taught(*[(8, 1.0)] * 100, (8, 1000.0), (8, 1000.0)).mean(8) > 30


def test_calls_of_unequal_rows_do_not_make_a_size_look_uncertain():
    times = taught(*[(rows, rows / 1000) for rows in (*range(1, 129),) * 3])
    assert times.high(96) < 1.2 * times.mean(96)


def test_what_nothing_confirms_is_forgotten():
    clock = Clock()
    times = taught((256, 9.0), (8, 1.0), clock=clock)
    clock.now = FORGET_SECONDS / 2
    times.saw(8, 1.0)
    assert times.largest == 256
    clock.now = FORGET_SECONDS + 1
    times.saw(8, 1.0)
    assert (times.largest, times.known_up_to) == (8, 8)


@settings(deadline=None)
@given(CALLS, st.booleans())
def test_more_rows_never_take_less(calls: list[tuple[int, float]], padded: bool):
    times = taught(*calls, padded=padded)
    for curve in (times.mean, times.high):
        seconds = [curve(rows) for rows in range(1, 100, 3)]
        assert all(fewer <= more + 1e-9 for fewer, more in pairwise(seconds))
        assert seconds[0] > 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 10)), min_size=1))
def test_rising_never_falls_and_keeps_the_weighted_sum(given_ones: list[tuple[float, float]]):
    values, weights = zip(*given_ones, strict=True)
    rose = rising(values, weights)
    assert all(low <= high for low, high in pairwise(rose))
    total = sum(value * weight for value, weight in given_ones)
    assert sum(value * weight for value, weight in zip(rose, weights, strict=True)) == pytest.approx(total)


def test_rising_leaves_alone_what_rises():
    assert rising([1, 2, 2, 5], [1, 1, 1, 1]) == [1, 2, 2, 5]

"""What counts as growth."""

import pytest

from tests.chaos.vitals import Growth, Vitals


def looks(rss, descriptors=lambda _: 10):
    return [Vitals(minute / 10, rss(minute / 10), descriptors(minute / 10), 5, 40, 3) for minute in range(151)]


def test_memory_is_judged_by_the_slope_after_the_warm_up():
    growth = Growth.of(looks(lambda minutes: 100 + min(minutes, 5) * 30 + max(minutes - 5, 0) * 0.4), 5)
    assert growth.rss_mib_a_minute == pytest.approx(0.4)


def test_descriptors_that_come_and_go_are_no_growth_and_those_that_stay_are():
    assert Growth.of(looks(lambda _: 100, lambda minutes: 10 + int(minutes * 10) % 3), 5).descriptors == 0
    assert Growth.of(looks(lambda _: 100, lambda minutes: 10 + int(minutes)), 5).descriptors == pytest.approx(7, abs=1)


def test_a_slow_leak_shows_behind_partitions_that_come_and_go():
    def look(tenth: int, leak: float) -> Vitals:
        partitions = 2 + tenth // 10 % 2
        return Vitals(tenth / 10, 100, 10 + 2 * partitions + int(leak * tenth / 10), 5, 40, partitions)

    assert Growth.of([look(tenth, 0.0) for tenth in range(151)], 5).descriptors == 0
    assert Growth.of([look(tenth, 0.3) for tenth in range(151)], 5).descriptors > 1

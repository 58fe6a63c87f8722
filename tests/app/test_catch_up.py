"""When catching up begins and ends."""

import logging

import pytest

from app.catch_up import CatchUp


def test_it_begins_beyond_the_limit_and_ends_when_half_of_it_is_left():
    told: list[bool] = []
    catch_up, states = CatchUp(10, told.append), []
    for lag in (0, 10, 10.1, 8, 5.1, 5, 9, 11):
        catch_up.look(lag)
        states.append(catch_up.active)
    assert states == [False, False, True, True, True, False, False, True]
    assert told == [True, False, True]


def test_without_a_limit_it_never_begins():
    catch_up = CatchUp(0)
    catch_up.look(1e9)
    assert not catch_up.active


def test_every_change_is_one_line(caplog: pytest.LogCaptureFixture):
    catch_up = CatchUp(10)
    with caplog.at_level(logging.INFO, "app.catch_up"):
        for lag in (1, 20, 30, 1, 0):
            catch_up.look(lag)
    assert [each.message for each in caplog.records] == [
        "catching up: latency does not count",
        "in step again: the latency target holds",
    ]

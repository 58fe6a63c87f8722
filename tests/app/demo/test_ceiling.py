from threading import Event

import numpy as np
import pytest

from app.demo.ceiling import Ceiling
from app.demo.programme import Programme, simulated_programme


def test_it_is_worked_out_while_others_work():
    programme = simulated_programme(2)
    with Ceiling(programme) as ceiling:
        found = ceiling.result()
    for mine, theirs in zip(found, programme.best(lambda _part: None), strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(mine, theirs, strict=True))
    assert ceiling.part == 1


def test_where_nobody_can_know_it_there_is_none():
    with Ceiling(Programme([], [])) as ceiling:
        assert ceiling.result() is None


def test_whoever_leaves_early_does_not_wait_for_it():
    begun, rounds = Event(), []

    def endless(on_part):
        while True:
            rounds.append(on_part(0.5))
            begun.set()

    def leave_early():
        with Ceiling(Programme([], [], best=endless)):
            assert begun.wait(20)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave_early()
    assert rounds

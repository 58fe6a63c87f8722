import pytest

from models.race.past import Past


def test_nothing_is_known_of_whoever_never_took_part():
    assert Past().form("ann") == 0


def test_what_was_done_lately_counts_more_and_little_is_not_taken_for_much():
    past = Past()
    past.add([("ann", 1.0), ("bob", 0.0)])
    after_one = past.form("ann")
    assert 0 < after_one < 0.5
    assert past.form("bob") == pytest.approx(-after_one)
    past.add([("ann", 0.0), ("bob", 1.0)])
    assert past.form("ann") < 0 < past.form("bob")

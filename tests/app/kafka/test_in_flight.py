"""How fetching is held back."""

import pytest

from app.kafka.in_flight import InFlight, Room


def test_the_room_is_what_is_left_of_both_bounds():
    in_flight = InFlight(10, 1000)
    in_flight.add(4, 300)
    assert in_flight.room() == Room(records=6, nbytes=700, empty=False)
    in_flight.remove(1, 100)
    assert in_flight.room() == Room(records=7, nbytes=800, empty=False)
    in_flight.remove(3, 200)
    assert in_flight.room() == Room(records=10, nbytes=1000, empty=True)


@pytest.mark.parametrize("taken", [(10, 1), (1, 1000), (12, 1200)], ids=["records", "bytes", "beyond both"])
def test_there_is_no_room_once_either_bound_is_reached(taken: tuple[int, int]):
    in_flight = InFlight(10, 1000)
    in_flight.add(*taken)
    assert in_flight.room() is None


def test_whoever_needs_more_room_than_there_is_can_tell_when_some_was_released():
    in_flight = InFlight(10, 1000)
    in_flight.add(9, 900)
    assert in_flight.releases == 0
    in_flight.remove(1, 100)
    assert in_flight.releases == 1

"""How fetching is held back."""

import asyncio

import pytest

from app.kafka.in_flight import InFlight, Room


async def test_the_room_is_what_is_left_of_both_bounds():
    in_flight = InFlight(10, 1000)
    in_flight.add(4, 300)
    assert in_flight.room() == Room(records=6, nbytes=700)
    in_flight.remove(1, 100)
    assert in_flight.room() == Room(records=7, nbytes=800)


@pytest.mark.parametrize("taken", [(10, 1), (1, 1000), (12, 1200)], ids=["records", "bytes", "beyond both"])
async def test_there_is_no_room_once_either_bound_is_reached(taken: tuple[int, int]):
    in_flight = InFlight(10, 1000)
    in_flight.add(*taken)
    assert in_flight.room() is None


async def test_whoever_waits_for_room_goes_on_as_soon_as_there_is_some():
    in_flight = InFlight(10, 1000)
    in_flight.add(10, 10)
    waiting = asyncio.create_task(in_flight.wait_for_room(timeout_seconds=3600))
    await asyncio.sleep(0)
    in_flight.remove(3, 3)
    assert await asyncio.wait_for(waiting, 10) == Room(records=3, nbytes=993)


async def test_waiting_for_room_ends_without_any_when_the_time_is_over():
    in_flight = InFlight(1, 1000)
    in_flight.add(1, 1)
    assert await in_flight.wait_for_room(timeout_seconds=0.01) is None


async def test_what_frees_too_little_makes_no_room():
    in_flight = InFlight(10, 1000)
    in_flight.add(12, 12)
    waiting = asyncio.create_task(in_flight.wait_for_room(timeout_seconds=3600))
    await asyncio.sleep(0)
    in_flight.remove(2, 2)
    assert await asyncio.wait_for(waiting, 10) is None

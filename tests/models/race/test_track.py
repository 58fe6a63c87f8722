import numpy as np

from models.race.track import Lap, follow


def laps(*rows):
    return [Lap(*row) for row in rows]


def test_the_order_is_laps_down_and_then_time():
    track = follow(laps((0, 1, 90, "0.0"), (1, 1, 95, "5.0"), (2, 1, 170, "80.0"),
                        (1, 2, 90, "0.0"), (0, 2, 100, "5.000"), (2, 2, 130, "1 LAP")), 3)  # fmt: skip
    assert track.position.tolist() == [[1, 2, 3], [2, 1, 3]]
    assert track.down.tolist() == [[0, 0, 0], [0, 0, 1]]


def test_the_gap_of_a_lapped_car_is_since_the_leader_had_as_many_laps():
    track = follow(laps((0, 1, 90, "0.0"), (1, 1, 170, "80.0"), (0, 2, 90, "0.0"), (1, 2, 100, "1 LAP")), 2)
    assert track.lead.tolist() == [90, 180]
    assert track.crossed[1, 1] == 270
    assert track.gap[1].tolist() == [0, 180]


def test_a_car_in_the_pits_is_placed_by_its_lap_times():
    track = follow(laps((0, 1, 90, "0.0"), (1, 1, 91, "1.0"), (2, 1, 92, "2.0"),
                        (0, 2, 90, "0.0"), (1, 2, 110, "PIT"), (2, 2, 92, "4.0")), 3)  # fmt: skip
    assert track.gap[1].tolist() == [0, 21, 4]
    assert track.position[1].tolist() == [1, 3, 2]
    assert track.stopped.tolist() == [[False] * 3, [False, True, False]]


def test_who_has_no_row_in_a_lap_was_not_seen():
    track = follow(laps((0, 1, 90, "0.0"), (1, 1, 91, "1.0"), (0, 2, 90, "0.0")), 2)
    assert track.running.tolist() == [[True, True], [True, False]]
    for values in (track.position, track.gap, track.pace):
        assert values[1, 1] == 0


def test_of_two_rows_in_one_lap_of_the_leader_the_later_counts():
    track = follow(laps((0, 1, 90, "0.0"), (1, 1, 95, "5.0"), (0, 2, 90, "0.0"),
                        (1, 2, 96, "1 LAP"), (1, 2, 97, "86.000")), 2)  # fmt: skip
    assert track.down[1].tolist() == [0, 0]
    assert track.gap[1].tolist() == [0, 86]


def test_a_row_that_is_missing_puts_a_lapped_car_at_most_two_laps_off():
    track = follow(laps((0, 1, 90, "0.0"), (1, 1, 170, "80.0"), *((0, lap, 90, "0.0") for lap in range(2, 8)),
                        (1, 7, 95, "2 LAPS")), 2)  # fmt: skip
    assert 180 <= track.gap[6, 1] <= 360


def test_a_lap_that_nobody_was_timed_in_takes_as_long_as_the_quickest():
    track = follow(laps((0, 1, 90, "0.0"), (1, 1, 91, "1.0"), (0, 2, 200, "PIT"), (1, 2, 210, "PIT")), 2)
    assert track.lead.tolist() == [90, 290]
    assert np.isfinite(track.gap).all()

import numpy as np
import pytest

from models.errors import RacesNotUsable
from models.race.features import features
from models.race.laps import read_laps, split
from tests.models.race.races import LAPS, real_races, write_files


def by_name(race, values):
    return dict(zip(race.members, values.tolist(), strict=True))


def test_files_become_races(tmp_path):
    first, second = read_laps(write_files(tmp_path))
    assert (first.name, second.name) == ("2021-01 Grand Prix of Here", "2021-02 Grand Prix of There")
    assert first.members == ("ann", "bob", "dee", "cid", "eve")
    assert by_name(first, first.prior) == {"ann": 2, "bob": 1, "cid": 3, "eve": 4, "dee": 5}
    assert by_name(first, first.places) == {"ann": 1, "bob": 2, "dee": 3, "cid": 4, "eve": 5}
    assert by_name(first, first.finished) == {"ann": True, "bob": True, "dee": True, "cid": True, "eve": False}
    assert first.share.tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert by_name(first, first.running.sum(axis=0)) == {"ann": 3, "bob": 3, "dee": 3, "cid": 2, "eve": 1}
    assert (np.diff(first.elapsed) >= 0).all()


def test_form_is_of_earlier_races_only(tmp_path):
    first, second = read_laps(write_files(tmp_path))
    assert not first.known["form"].any()
    form = by_name(second, second.known["form"])
    assert form["ann"] > form["bob"] > form["dee"] > form["cid"]
    assert form["eve"] == 0
    team = by_name(second, second.known["team"])
    assert team["ann"] == team["bob"] > team["dee"] == team["cid"]


def test_the_slowest_stands_for_whoever_set_no_time_and_rain_is_bounded(tmp_path):
    race = read_laps(write_files(tmp_path))[0]
    assert by_name(race, race.known["qualifying"]) == pytest.approx(
        {"ann": 0, "bob": 1, "cid": 2, "eve": 7, "dee": 7}, abs=1e-9
    )


def test_laps_that_come_later_change_nothing_that_was_known_before(tmp_path):
    whole = read_laps(write_files(tmp_path / "whole"))[0]
    begun = read_laps(write_files(tmp_path / "begun", laps=[row for row in LAPS if int(row[0]) < 3]))[0]
    for name in ("running", "position", "gap", "pace", "stopped", "down", "elapsed"):
        np.testing.assert_array_equal(getattr(whole, name)[:2], getattr(begun, name))


def test_races_are_divided_by_their_date(tmp_path):
    races = read_laps(write_files(tmp_path))
    trained, tested = split(races)
    assert (len(trained), len(tested)) == (2, 0)


@pytest.mark.parametrize("name", ["lap_times.csv.gz", "race_grid.csv", "race_results.csv", "races.csv"])
def test_a_missing_file_is_named(tmp_path, name):
    (write_files(tmp_path) / name).unlink()
    with pytest.raises(RacesNotUsable, match=f"{name} is missing; a folder of races has lap_times.csv.gz"):
        read_laps(tmp_path)


def test_a_missing_column_is_named_with_what_is_expected(tmp_path):
    write_files(tmp_path, race_grid=["year,round,position,driver_id,quali_time"])
    with pytest.raises(
        RacesNotUsable,
        match=r"race_grid.csv has no column grid_position; expected are year, round, .*, found were year",
    ):
        read_laps(tmp_path)


@pytest.mark.parametrize(
    ("laps", "message"),
    [
        (["one,ann,1:30.000,0.0"], "lap_times.csv.gz: lap is 'one' where a whole number is expected"),
        (["1,ann,90.000,0.0"], "lap_times.csv.gz: lap_time is '90.000' where minutes:seconds are expected"),
        (
            ["1,ann,1:30.000,behind"],
            "lap_times.csv.gz: gap_to_leader is 'behind' where seconds, PIT or laps are expected",
        ),
        (["1,ann"], "lap_times.csv.gz, line 2: the row ends before lap_time, gap_to_leader"),
        (["0,ann,1:30.000,0.0"], "lap_times.csv.gz: lap is '0' where a lap from 1 to 1000 is expected"),
    ],
)
def test_a_value_that_is_none_is_shown(tmp_path, laps, message):
    with pytest.raises(RacesNotUsable, match=message):
        read_laps(write_files(tmp_path, laps=laps))


@pytest.mark.parametrize(
    ("name", "row", "missing"),
    [
        ("race_results", "2021,1", "finish_position, driver_id, constructor_id, finish_status"),
        ("race_grid", "2021,1", "grid_position, driver_id, quali_time"),
    ],
)
def test_a_row_that_is_cut_off_is_named_by_file_and_line(tmp_path, name, row, missing):
    write_files(tmp_path)
    with (tmp_path / f"{name}.csv").open("a") as file:
        file.write(f"{row}\n")
    with pytest.raises(RacesNotUsable, match=rf"{name}.csv, line 12: the row ends before {missing}$"):
        read_laps(tmp_path)


def test_a_race_whose_laps_are_all_of_drivers_that_nobody_lists_is_passed_over(tmp_path):
    folder = write_files(tmp_path)
    head = "year,round,finish_position,driver_id,constructor_id,finish_status"
    (folder / "race_results.csv").write_text(f"{head}\n2021,1,1,zoe,red,Finish\n2021,2,1,ann,red,Finish\n")
    assert [race.name for race in read_laps(folder)] == ["2021-02 Grand Prix of There"]


def test_those_without_a_place_on_the_grid_stand_in_an_order_that_does_not_tell_how_they_finished(tmp_path):
    head = "year,round,finish_position,driver_id,constructor_id,finish_status"
    ends = (["ann", "bob", "cid"], ["cid", "bob", "ann"])
    rows = [f"2021,{number},{place},{driver},red,Finish" for number, end in enumerate(ends, 1)
            for place, driver in enumerate(end, 1)]  # fmt: skip
    grid = ["year,round,grid_position,driver_id,quali_time", "2021,1,1,bob,", "2021,2,1,bob,"]
    races = read_laps(write_files(tmp_path, race_grid=grid, race_results=[head, *rows]))
    assert [by_name(race, race.prior) for race in races] == [{"bob": 1, "ann": 2, "cid": 3}] * 2


def test_files_without_a_race_are_refused(tmp_path):
    with pytest.raises(RacesNotUsable, match="hold no race: no driver has a lap"):
        read_laps(write_files(tmp_path, laps=[]))


def test_a_file_that_is_not_compressed_is_refused(tmp_path):
    (write_files(tmp_path) / "lap_times.csv.gz").write_text("year")
    with pytest.raises(RacesNotUsable, match=r"lap_times.csv.gz cannot be read: Not a gzipped file"):
        read_laps(tmp_path)


def test_the_real_races_are_read_whole():
    races = read_laps(real_races())
    trained, tested = split(races)
    assert (len(trained), len(tested)) == (38, 11)
    for race in races:
        assert np.isfinite(features(race)).all()
        assert (np.diff(race.elapsed) >= 0).all()
        # Not every row is there, and penalties count after the end.
        winner = int(np.argmin(race.places))
        last = np.flatnonzero(race.running[:, winner])[-1]
        assert last >= len(race.moments) - 3
        assert race.position[last, winner] <= 3

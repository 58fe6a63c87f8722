"""Races for the tests: made up at random, or written as the files of lap data have them, or real."""

import gzip
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.race.race import Race


def made_up(random, moments=7, count=5, **changes):
    """A race in which everything is possible: stops, lapped and retired participants, moments that were missed."""
    shape = (moments, count)
    running = random.random(shape) < 0.85
    gap = np.where(running, random.exponential(20, shape), 0)
    gap -= np.where(running, np.where(running, gap, np.inf).min(axis=1, keepdims=True, initial=1e9), 0)
    order = np.where(running, gap, np.inf).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable") + 1
    race = Race(
        name="made-up",
        source="made up",
        members=tuple(f"m{index}" for index in range(count)),
        prior=random.permutation(count) + 1,
        places=random.permutation(count) + 1,
        finished=np.ones(count, np.bool_),
        moments=np.arange(1, moments + 1),
        elapsed=np.cumsum(random.uniform(1, 100, moments)),
        share=np.arange(1, moments + 1) / moments,
        running=running,
        position=np.where(running, order, 0),
        gap=gap,
        pace=np.where(running, random.uniform(60, 120, shape), 0),
        stopped=running & (random.random(shape) < 0.2),
        down=np.where(running, random.integers(0, 3, shape), 0),
        total=moments,
        known={"form": random.normal(size=count), "style": random.uniform(-1, 1, count)},
    )
    return replace(race, **changes)


def with_another_future(race, moment, random):
    """The same race up to and with this moment, then another one, with another end."""
    other = made_up(random, len(race.moments), len(race.members))
    measured = ("running", "position", "gap", "pace", "stopped", "down", "elapsed")
    mixed = {
        name: np.concatenate([getattr(race, name)[: moment + 1], getattr(other, name)[moment + 1 :]])
        for name in measured
    }
    return replace(race, places=other.places, **mixed)


LAPS = [
    # Ann leads from Bob; Cid is lapped in Ann's second lap, Dee is in the pits, Eve retires after a lap.
    "1,ann,1:30.000,0.0",
    "1,bob,1:31.000,1.000",
    "1,dee,1:32.000,2.000",
    "1,cid,2:50.000,80.000",
    "1,eve,3:00.000,90.000",
    "2,ann,1:30.000,0.0",
    "2,bob,1:30.500,1.500",
    "2,dee,1:50.000,PIT",
    "3,ann,1:30.000,0.0",
    "3,bob,1:32.000,3.500",
    "3,dee,1:30.000,22.000",
    "3,cid,2:00.000,1 LAP",
]


def write_files(folder: Path, laps=LAPS, **others):
    """Write a folder of races: the season's first two rounds, in each of which the same happens."""
    rounds = (1, 2)
    files = {
        "races": [
            "year,round,circuit_id,gp_name",
            "2021,1,here,Grand Prix of Here",
            "2021,2,there,Grand Prix of There",
        ],
        "race_grid": ["year,round,grid_position,driver_id,quali_time"]
        + [
            f"2021,{number},{row}"
            for number in rounds
            for row in ("2,ann,1:20.000", "1,bob,1:20.800", "PIT LANE,dee,", "3,cid,1:21.600", "4,eve,1:28.000")
        ],
        "race_results": ["year,round,finish_position,driver_id,constructor_id,finish_status"]
        + [
            f"2021,{number},{row}"
            for number in rounds
            for row in (
                "1,ann,red,Finish",
                "2,bob,red,Finish",
                "3,dee,blue,Finish",
                "4,cid,blue,1 LAP",
                "N/C,eve,x,DNF",
            )
        ],
    } | others
    folder.mkdir(exist_ok=True)
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    with gzip.open(folder / "lap_times.csv.gz", "wt") as file:
        file.write("year,round,lap,driver_id,lap_time,gap_to_leader\n")
        file.writelines(f"2021,{number},{row}\n" for number in rounds for row in laps)
    return folder


def real_races():
    """The folder of real races; a checkout does not have them."""
    folder = Path(os.environ.get("RACES_DIR") or Path(__file__).parents[3].parent / "shared" / "races")
    if not folder.is_dir():
        pytest.skip(f"no real races: {folder} is not there; set RACES_DIR to a folder as docs/races.md describes it")
    return folder

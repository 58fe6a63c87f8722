"""Real races from lap data: Formula 1 as a folder of CSV files has it.

The files tell no scheduled distance. So `total` and `share` come from the laps that were run, and a race that rain or
the time limit cut short (Japan 2022: 28 laps of 53) gives its length away from the start.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.errors import RacesNotUsable
from models.race.csv_files import gap_text, lap_number, rows, seconds, whole
from models.race.past import Past
from models.race.race import Floats, Integers, Race
from models.race.track import Lap, Track, follow

LAST_TRAINED_ON = (2022, 16)
"""Year and round: later races are for the test."""

Round = tuple[int, int]


@dataclass(slots=True)
class _Entries:
    """What the files say of a race: drivers as the results list them, and more of each by name."""

    name: str = ""
    members: list[str] = field(default_factory=list)
    teams: dict[str, str] = field(default_factory=dict)
    classified: dict[str, int] = field(default_factory=dict)
    grid: dict[str, int] = field(default_factory=dict)
    qualified: dict[str, float] = field(default_factory=dict)
    laps: list[tuple[str, int, float, str]] = field(default_factory=list)

    def usable(self) -> bool:
        """Whether anybody whom the results list has a lap."""
        return any(driver in self.teams for driver, *_ in self.laps)


def read_laps(folder: Path) -> list[Race]:
    """Return the races of a folder in which a driver of the results has a lap, in the order in which they were run.

    Raises:
        RacesNotUsable: a file, column or value is missing, or a number is none; the message says which and where.
    """
    races = list(_races(_read(folder)))
    if not races:
        raise RacesNotUsable(f"the files in {folder} hold no race: no driver has a lap")
    return races


def split(races: list[Race]) -> tuple[list[Race], list[Race]]:
    """Return the races to train on and those for the test, as `LAST_TRAINED_ON` divides them."""
    last = _label(LAST_TRAINED_ON)
    return [race for race in races if race.name[:7] <= last], [race for race in races if race.name[:7] > last]


def _label(number: Round) -> str:
    return f"{number[0]}-{number[1]:02}"


def _read(folder: Path) -> dict[Round, _Entries]:
    rounds: dict[Round, _Entries] = defaultdict(_Entries)
    for row in rows(folder, name := "race_results.csv"):
        entries, driver = rounds[_round(row, name)], row["driver_id"]
        entries.members.append(driver)
        entries.teams[driver] = row["constructor_id"]
        if row["finish_position"].isdecimal():
            entries.classified[driver] = int(row["finish_position"])
    for row in rows(folder, name := "race_grid.csv"):
        entries, driver = rounds[_round(row, name)], row["driver_id"]
        if row["grid_position"].isdecimal():
            entries.grid[driver] = int(row["grid_position"])
        if ":" in row["quali_time"]:
            entries.qualified[driver] = seconds(row, "quali_time", name)
    for row in rows(folder, name := "races.csv"):
        rounds[_round(row, name)].name = row["gp_name"]
    for row in rows(folder, name := "lap_times.csv.gz"):
        lap = (row["driver_id"], lap_number(row, name), seconds(row, "lap_time", name), gap_text(row, name))
        rounds[_round(row, name)].laps.append(lap)
    return rounds


def _round(row: dict[str, str], name: str) -> Round:
    return whole(row, "year", name), whole(row, "round", name)


def _races(rounds: Mapping[Round, _Entries]) -> Iterator[Race]:
    drivers, teams = Past(), Past()
    for number in sorted(rounds):
        entries = rounds[number]
        if entries.usable():
            yield _race(number, entries, drivers, teams)
            _remember(entries, drivers, teams)


def _race(number: Round, entries: _Entries, drivers: Past, teams: Past) -> Race:
    members = {driver: index for index, driver in enumerate(entries.members)}
    laps = [Lap(members[driver], lap, time, gap) for driver, lap, time, gap in entries.laps if driver in members]
    track = follow(laps, len(members))
    total = len(track.lead)
    return Race(
        name=f"{_label(number)} {entries.name}".strip(),
        source="laps",
        members=tuple(members),
        prior=_prior(entries),
        places=_places(entries, track),
        finished=np.array([driver in entries.classified for driver in members]),
        moments=np.arange(1, total + 1),
        elapsed=np.maximum.accumulate(np.maximum(track.crossed.max(axis=1), track.lead)),
        share=np.arange(1, total + 1) / total,
        running=track.running,
        position=track.position,
        gap=track.gap,
        pace=track.pace,
        stopped=track.stopped,
        down=track.down,
        total=total,
        known={
            "form": np.array([drivers.form(driver) for driver in members]),
            "team": np.array([teams.form(entries.teams[driver]) for driver in members]),
            "qualifying": _qualifying(entries),
        },
    )


def _prior(entries: _Entries) -> Integers:
    """Return the order on the grid; who starts from the pit lane, or has no place, comes last.

    Those come by their ids, not as the results list them, which is the order in which they finished.
    """
    members = entries.members
    order = sorted(range(len(members)), key=lambda index: (entries.grid.get(members[index], 99), members[index]))
    return np.argsort(order) + 1


def _places(entries: _Entries, track: Track) -> Integers:
    """Return the order at the end; those not classified come last, whoever was seen longest first."""
    seen = np.where(track.running, np.arange(1, len(track.lead) + 1)[:, None], 0).max(axis=0)
    places = [
        (entries.classified.get(driver, 99), -int(seen[index]), index) for index, driver in enumerate(entries.members)
    ]
    order = sorted(range(len(places)), key=places.__getitem__)
    return np.argsort(order) + 1


def _qualifying(entries: _Entries) -> Floats:
    """Return by how many per cent each was slower than the best; who set no time is taken for the slowest."""
    if not entries.qualified:
        return np.zeros(len(entries.members))
    best, worst = min(entries.qualified.values()), max(entries.qualified.values())
    times = np.array([entries.qualified.get(driver, worst) for driver in entries.members])
    return np.minimum((times / best - 1) * 100, 7.0)  # a lap in the rain may be half as long again


def _remember(entries: _Entries, drivers: Past, teams: Past) -> None:
    """Take the classified places of this race into what is known at the next."""
    last = max(len(entries.classified) - 1, 1)
    did = [(driver, 1 - (place - 1) / last) for driver, place in entries.classified.items()]
    drivers.add(did)
    teams.add([(entries.teams[driver], result) for driver, result in did])

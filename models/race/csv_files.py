"""The files that laps are read from: their columns, and what is said when one is missing."""

import csv
import gzip
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from models.errors import RacesNotUsable

COLUMNS = {
    "lap_times.csv.gz": ("year", "round", "lap", "driver_id", "lap_time", "gap_to_leader"),
    "race_grid.csv": ("year", "round", "grid_position", "driver_id", "quali_time"),
    "race_results.csv": ("year", "round", "finish_position", "driver_id", "constructor_id", "finish_status"),
    "races.csv": ("year", "round", "gp_name"),
}
"""The columns that each file must have; others are passed over."""
_GAP = re.compile(r"\d+(\.\d*)?|PIT|\d+ LAPS?")
_MOST_LAPS = 1000


def rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of a file of `COLUMNS`.

    Raises:
        RacesNotUsable: it is missing, cannot be read, or lacks a column, or a row of it does.
    """
    file = folder / name
    try:
        with gzip.open(file, "rt", newline="") if name.endswith(".gz") else file.open(newline="") as text:
            reader = csv.DictReader(text)
            _check(file, reader.fieldnames or (), COLUMNS[name])
            for row in reader:
                _check_length(f"{file}, line {reader.line_num}", row, COLUMNS[name])
                yield row
    except FileNotFoundError as error:
        raise RacesNotUsable(f"{file} is missing; a folder of races has {', '.join(COLUMNS)}") from error
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise RacesNotUsable(f"{file} cannot be read: {error}") from error


def _check(file: Path, found: Sequence[str], wanted: Sequence[str]) -> None:
    if missing := [column for column in wanted if column not in found]:
        raise RacesNotUsable(
            f"{file} has no column {', '.join(missing)}; expected are {', '.join(wanted)}, found were "
            f"{', '.join(found) or 'none'}"
        )


def _check_length(place: str, row: dict[str, str], wanted: Sequence[str]) -> None:
    # What the reader has no text for it takes for None.
    if missing := [column for column in wanted if row[column] is None]:
        raise RacesNotUsable(f"{place}: the row ends before {', '.join(missing)}")


def whole(row: dict[str, str], column: str, name: str) -> int:
    """Return a whole number, or raise RacesNotUsable."""
    try:
        return int(row[column])
    except (ValueError, TypeError) as error:
        raise RacesNotUsable(f"{name}: {column} is {row[column]!r} where a whole number is expected: {row}") from error


def seconds(row: dict[str, str], column: str, name: str) -> float:
    """Return the seconds of `minutes:seconds`, or raise RacesNotUsable."""
    try:
        minutes, rest = row[column].split(":")
        return int(minutes) * 60 + float(rest)
    except (ValueError, AttributeError) as error:
        raise RacesNotUsable(
            f"{name}: {column} is {row[column]!r} where minutes:seconds are expected: {row}"
        ) from error


def lap_number(row: dict[str, str], name: str) -> int:
    """Return the number of a lap, or raise RacesNotUsable."""
    if not 1 <= (lap := whole(row, "lap", name)) <= _MOST_LAPS:
        raise RacesNotUsable(f"{name}: lap is '{lap}' where a lap from 1 to {_MOST_LAPS} is expected: {row}")
    return lap


def gap_text(row: dict[str, str], name: str) -> str:
    """Return the gap to the leader as it is written, or raise RacesNotUsable."""
    if not _GAP.fullmatch(gap := row["gap_to_leader"]):
        raise RacesNotUsable(f"{name}: gap_to_leader is '{gap}' where seconds, PIT or laps are expected: {row}")
    return gap

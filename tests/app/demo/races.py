"""Meetings for the tests, and a service that stands in for the real one."""

import gzip
import json

from app.demo.meeting import Answer, Meeting
from app.demo.programme import simulated_programme
from app.demo.schedule import schedule
from tests.models.race.races import write_files

SOURCE = "races"


def meeting(count=2, lanes=2, first_id=0):
    """Return a meeting of *count* races of which nothing was sent yet."""
    programme = simulated_programme(count)
    plan = schedule(programme.races, lanes=lanes, first_id=first_id)
    return Meeting(programme, plan, source=SOURCE, first_id=first_id)


def headers(offset, partition=0, superseded=None):
    """Return the headers of an answer."""
    named = {
        "model-name": "race",
        "model-version": "3",
        "source-topic": SOURCE,
        "source-partition": partition,
        "source-offset": offset,
        **({} if superseded is None else {"superseded-offsets": superseded}),
    }
    return [(name, str(value).encode()) for name, value in named.items()]


class Standings:
    """Ranks as the service does, with scores from the places at the end: it is always right."""

    def __init__(self, races):
        self._places = {race.name: dict(zip(race.members, race.places.tolist(), strict=True)) for race in races}
        self._known = {race.name: [] for race in races}

    def ranking(self, record):
        """Return the output value for an input record."""
        known, places = self._known[record["group"]], self._places[record["group"]]
        if record["member"] not in known:
            known.append(record["member"])
        ranked = sorted(known, key=places.get)
        entries = [
            {"rank": rank, "label": member, "score": -float(places[member]), "change": 0}
            for rank, member in enumerate(ranked, 1)
        ]
        return {"id": record["id"], "group": record["group"], "predictions": entries}


def send_all(run, answers=None):
    """Send all of a meeting into partition 0 and give it *answers*, or those of a service that is always right."""
    for due in run.plan:
        run.sent(due, 100 + due.number / 100)
        run.placed(due, (0, due.number))
    for answer in right_answers(run) if answers is None else answers:
        run.came_out(answer, 200)


def right_answers(run):
    """Return what a service that is always right would write."""
    standings = Standings(run.programme.races)
    return [
        Answer(
            due.key,
            headers(due.number),
            due.value and json.dumps(standings.ranking(json.loads(due.value))).encode(),
        )
        for due in run.plan
    ]


def write_real_races(folder):
    """Write a folder of laps: two races to learn from, and the first of them once more, later, for the test."""
    write_files(folder)
    for name in ("races.csv", "race_grid.csv", "race_results.csv", "lap_times.csv.gz"):
        with _opened(folder / name, "r") as file:
            lines = file.read().splitlines()
        later = [line.replace("2021,1,", "2023,1,") for line in lines if line.startswith("2021,1,")]
        with _opened(folder / name, "w") as file:
            file.writelines(f"{line}\n" for line in [*lines, *later])
    return folder


def _opened(path, mode):
    return gzip.open(path, f"{mode}t") if path.suffix == ".gz" else path.open(mode)

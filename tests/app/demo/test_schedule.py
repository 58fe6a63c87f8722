import json
from itertools import groupby

import pytest

from app.demo.schedule import schedule
from models.race.records import records
from models.race.simulator import simulate


@pytest.fixture(scope="module")
def races():
    return [one.race for one in simulate(6, seed=11)]


def test_every_record_of_every_race_is_due_once_and_then_its_end(races):
    plan = schedule(races, lanes=3)
    assert [due.number for due in plan] == list(range(len(plan)))
    for index, race in enumerate(races):
        mine = [due for due in plan if due.race == index]
        assert {due.key for due in mine} == {race.name.encode()}
        values = [json.loads(due.value) for due in mine[:-1]]
        assert [value.pop("id") for value in values] == [due.number for due in mine[:-1]]
        assert values == list(records(race))
        assert [due.member for due in mine[:-1]] == [value["member"] for value in values]
        assert [race.moments[due.moment] for due in mine[:-1]] == [value["moment"] for value in values]
        assert (mine[-1].value, mine[-1].member, mine[-1].ends_race) == (None, None, True)
        assert not any(due.ends_race for due in mine[:-1])


def test_records_are_due_when_their_moment_was_known_and_a_race_ends_behind_its_last_one(races):
    plan = schedule(races[:1], lanes=1)
    times = [due.at for due in plan[:-1]]
    assert [at for at, _ in groupby(times)] == races[0].elapsed.tolist()
    assert plan[-1].at == pytest.approx(races[0].elapsed[-1] / races[0].share[-1])
    assert plan[-1].at > times[-1]


def spans(races, lanes):
    plan = schedule(races, lanes=lanes)
    assert [due.at for due in plan] == sorted(due.at for due in plan)
    mine = [[due.at for due in plan if due.race == index] for index in range(len(races))]
    return [(times[0] - race.elapsed[0], times[-1]) for times, race in zip(mine, races, strict=True)]


@pytest.mark.parametrize("lanes", [1, 2, 4])
def test_so_many_races_run_side_by_side_and_no_more(races, lanes):
    found = spans(races, lanes)
    begins = [begin for begin, _ in found]
    together = [sum(other <= begin < end - 1e-9 for other, end in found) for begin in begins]
    assert max(together) == lanes
    assert len({round(begin, 6) for begin in begins}) == len(races)


def test_ids_begin_where_they_are_told_to(races):
    first, *_ = schedule(races[:1], lanes=1, first_id=500)
    assert (first.number, json.loads(first.value)["id"]) == (0, 500)

import math
from dataclasses import replace

import pytest

from app.demo.published import Published
from app.demo.schedule import Due
from app.demo.view import race_view
from models.race.simulator import simulate


@pytest.fixture
def race():
    return simulate(1, seed=4)[0].race


def note(published, race, moment, ranking):
    published.note(Due(0.0, 0, 0, moment, None, race.name.encode(), b""), ranking)


def test_chances_are_the_softmax_of_the_scores_and_places_are_counted_against_the_moment_before(race):
    a, b, c = race.members[:3]
    published = Published([race])
    note(published, race, 0, {a: 2.0, b: 1.0})
    note(published, race, 1, {b: 1.0, a: 1.0, c: 0.0})
    shown = race_view(race, "2,000 m", 0, published)
    assert (shown.name, shown.unit, shown.moment, shown.moments) == (race.name, "furlong", 2, len(race.moments))
    assert [(line.rank, line.change, line.member) for line in shown.lines] == [(1, 1, b), (2, -1, a), (3, None, c)]
    total = 2 * math.e + 1
    assert [line.chance for line in shown.lines] == pytest.approx([math.e / total, math.e / total, 1 / total])
    assert shown.lines[0].history == pytest.approx((1 / (1 + math.e), math.e / total))
    assert shown.lines[2].history == pytest.approx((0, 1 / total))
    assert shown.lines[0].place == race.position[1, 1]


def test_who_has_retired_is_out(race):
    running = race.running.copy()
    running[1, 0] = False
    published = Published([race])
    note(published, race, 1, {race.members[0]: 1.0})
    (line,) = race_view(replace(race, running=running), "", 0, published).lines
    assert (line.place, line.chance, line.change) == (None, 0.0, None)


def test_who_has_retired_is_listed_last_and_takes_no_chance_from_the_others(race):
    a, b, c = race.members[:3]
    running = race.running.copy()
    running[1, 0] = False
    published = Published([race])
    note(published, race, 0, {a: 2.0, b: 1.0, c: 1.0})
    note(published, race, 1, {a: 2.0, b: 1.0, c: 1.0})
    lines = race_view(replace(race, running=running), "", 0, published).lines
    assert [(line.rank, line.change, line.member) for line in lines] == [(1, 1, b), (2, 1, c), (3, -2, a)]
    assert [line.chance for line in lines] == [0.5, 0.5, 0.0]
    assert lines[2].history == pytest.approx((math.e / (math.e + 2), 0))


def test_before_the_first_ranking_there_is_nothing_to_show(race):
    assert race_view(race, "", 0, Published([race])) is None

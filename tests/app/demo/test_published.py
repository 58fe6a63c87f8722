import numpy as np
import pytest

from app.demo.programme import simulated_programme
from app.demo.published import Published
from app.demo.schedule import schedule


@pytest.fixture
def one():
    """A race, the plan of its records, and nothing published yet."""
    programme = simulated_programme(1)
    return programme.races[0], schedule(programme.races, lanes=1), Published(programme.races)


def rank_all(plan, published, leave_out=None):
    """Publish, for each record, a ranking of all who were seen, whose scores are the number of the record."""
    seen = {}
    for due in plan:
        if due.member:
            seen[due.member] = float(due.number)
            shown = {member: score for member, score in seen.items() if member != leave_out}
            published.note(due, shown)


def test_strengths_are_those_of_the_last_ranking_of_each_moment(one):
    race, plan, published = one
    rank_all(plan, published)
    scores, shown = published.strengths(0)
    assert shown.all()
    for moment, row in enumerate(scores):
        mine = {due.member: due.number for due in plan if due.moment == moment and due.member}
        assert row.tolist() == [mine[member] for member in race.members]
    assert published.incomplete == 0


def test_a_moment_without_a_ranking_of_its_own_has_no_strengths(one):
    _, plan, published = one
    rank_all([due for due in plan if due.moment != 2], published)
    scores, shown = published.strengths(0)
    assert not shown[2].any()
    assert not scores[2].any()
    assert shown[np.arange(len(shown)) != 2].all()
    assert [moment for moment, _ in published.moments(0)] == [each for each in range(len(shown)) if each != 2]


def test_a_ranking_that_lacks_a_member_is_counted(one):
    race, plan, published = one
    rank_all(plan, published, leave_out=race.members[0])
    first = next(due.number for due in plan if due.member == race.members[0])
    assert published.incomplete == sum(due.member is not None for due in plan[first:])
    assert not published.strengths(0)[1][:, 0].any()


def test_a_ranking_with_a_stranger_is_counted(one):
    _, plan, published = one
    published.note(plan[0], {plan[0].member: 1.0, "nobody": 0.5})
    assert published.incomplete == 1


def test_who_was_superseded_so_far_is_not_missed(one):
    _, plan, published = one
    published.note(plan[1], {plan[1].member: 1.0})
    assert published.incomplete == 0

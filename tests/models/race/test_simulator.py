import numpy as np
import pytest

from models.race.simulator import simulate


@pytest.fixture(scope="module")
def simulated():
    return simulate(400, seed=21)


def test_the_same_seed_gives_the_same_races_and_another_one_others():
    first, again, other = simulate(3, seed=5), simulate(3, seed=5), simulate(3, seed=6)
    for one, two in zip(first, again, strict=True):
        assert (one.race.name, one.race.members) == (two.race.name, two.race.members)
        np.testing.assert_array_equal(one.finish, two.finish)
        np.testing.assert_array_equal(one.race.gap, two.race.gap)
    assert not any(np.array_equal(one.finish, two.finish) for one, two in zip(first, other, strict=True))


def test_races_are_as_documented(simulated):
    assert {len(one.race.members) for one in simulated} == set(range(6, 17))
    assert {float(one.courses.distance[0, 0]) for one in simulated} >= {1000, 1600, 3200}
    assert len({one.race.name for one in simulated}) == 400
    for one in simulated:
        assert len(set(one.race.members)) == len(one.race.members)
        assert len(one.race.moments) == one.courses.distance[0, 0] / 200 - 1


def test_a_race_agrees_with_the_truth_behind_it(simulated):
    for one in simulated:
        race = one.race
        assert one.finish[race.places == 1][0] == one.finish.min()
        assert (np.diff(race.elapsed) > 0).all()
        assert race.elapsed[-1] < one.finish.min()
        assert (np.diff(race.share) > 0).all()
        assert race.share[0] > 0
        assert race.share[-1] < 1
        assert (race.gap >= 0).all()
        for row, metres in zip(race.position, one.states.metres, strict=True):
            assert sorted(row) == list(range(1, len(row) + 1))
            assert (np.diff(metres[np.argsort(row)]) <= 0).all()


def test_a_moment_is_the_first_second_after_the_leader_has_done_a_furlong(simulated):
    for one in simulated[:50]:
        leader = one.states.metres.max(axis=1)
        beyond = leader - 200 * one.race.moments
        assert (beyond >= 0).all()
        assert (beyond < one.states.speed.max(axis=1) + 1).all()


def test_horses_are_as_fast_as_horses_are(simulated):
    for one in simulated:
        speed = one.courses.distance[0, 0] / one.finish.min()
        assert 14.5 < speed < 18
        assert one.states.speed.max() < 20


def test_the_odds_of_a_race_are_chances(simulated):
    for one in simulated:
        assert np.exp(one.horses.odds).sum() == pytest.approx(1, abs=1e-4)
        assert (np.diff(one.horses.odds[0][np.argsort(one.race.prior)]) <= 0).all()


def test_the_market_is_right_as_often_as_it_believes(simulated):
    won = np.mean([one.race.places[one.race.prior == 1][0] == 1 for one in simulated])
    believed = float(np.mean([np.exp(one.horses.odds.max()) for one in simulated]))
    assert won == pytest.approx(believed, abs=3 * (believed * (1 - believed) / len(simulated)) ** 0.5)

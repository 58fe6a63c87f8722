import numpy as np
import pytest

from models.race.ceiling import best_order, ceiling
from models.race.evaluation import measure, summarize
from models.race.simulator import simulate


def score_of(races, *strengths):
    return summarize(races, measure(races, *strengths))


@pytest.fixture(scope="module")
def expected():
    simulated = simulate(40, seed=31)
    return simulated, [ceiling(one, endings=24, seed=1) for one in simulated]


def test_it_is_of_the_endings_that_were_run(expected):
    for one, found in zip(*expected, strict=True):
        count = len(one.race.members)
        assert found.places.shape == found.wins.shape == one.race.position.shape
        np.testing.assert_allclose(found.wins.sum(axis=1), 1)
        np.testing.assert_allclose(found.places.sum(axis=1), count * (count + 1) / 2)


def test_the_same_seed_gives_the_same_and_the_race_itself_stays_as_it_was(expected):
    simulated, found = expected
    before = simulated[0].states.metres.copy()
    again = ceiling(simulated[0], endings=24, seed=1)
    np.testing.assert_array_equal(again.places, found[0].places)
    np.testing.assert_array_equal(simulated[0].states.metres, before)


def test_whoever_knows_what_is_hidden_foretells_better_than_the_order_so_far_and_the_market(expected):
    simulated, found = expected
    races = [one.race for one in simulated]
    orders, winners = zip(*map(best_order, found), strict=True)
    best = score_of(races, orders, winners)
    current = score_of(races, [-race.position.astype(float) for race in races])
    market = score_of(races, [np.broadcast_to(-race.prior.astype(float), race.position.shape) for race in races])
    for part in range(5):
        assert best.spearman[part].mean > max(current.spearman[part].mean, market.spearman[part].mean)
        assert best.winner[part].mean > max(current.winner[part].mean, market.winner[part].mean)


def test_it_gets_surer_towards_the_end(expected):
    _simulated, found = expected
    first, last = (np.mean([one.wins[moment].max() for one in found]) for moment in (0, -1))
    assert first < last

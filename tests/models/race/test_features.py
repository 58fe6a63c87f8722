import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.race.features import FEATURES, features
from models.race.simulator import simulate
from tests.models.race.races import made_up, with_another_future

SEEDS = st.integers(0, 2**32 - 1)


def column(race, name):
    return features(race)[..., FEATURES.index(name)]


@given(seed=SEEDS, moment=st.integers(0, 6))
def test_what_happens_later_changes_nothing(seed, moment):
    random = np.random.default_rng(seed)
    race = made_up(random)
    other = with_another_future(race, moment, random)
    np.testing.assert_array_equal(features(race)[: moment + 1], features(other)[: moment + 1])


@given(seed=SEEDS)
def test_they_are_finite_whatever_happens_in_a_race(seed):
    race = made_up(np.random.default_rng(seed))
    values = features(race)
    assert values.shape == (7, 5, len(FEATURES))
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert not values[~race.running].any()


@given(seed=SEEDS)
def test_the_order_in_which_participants_are_listed_does_not_matter(seed):
    random = np.random.default_rng(seed)
    race = made_up(random)
    order = random.permutation(5)
    measured = {
        name: getattr(race, name)[:, order] for name in ("running", "position", "gap", "pace", "stopped", "down")
    }
    known = {name: values[order] for name, values in race.known.items()}
    shuffled = made_up(
        np.random.default_rng(0),
        prior=race.prior[order],
        places=race.places[order],
        elapsed=race.elapsed,
        known=known,
        **measured,
    )
    np.testing.assert_allclose(features(shuffled), features(race)[:, order], rtol=1e-5, atol=1e-5)


def test_the_leader_is_first_and_the_last_of_those_left_is_1():
    race = simulate(1, seed=4)[0].race
    place = column(race, "place")
    for row, position in zip(place, race.position, strict=True):
        assert row[position == 1] == 0
        assert row[position == len(race.members)] == 1


def test_moments_to_go_are_counted_down():
    for one in simulate(20, seed=4):
        to_go = column(one.race, "to_go")[:, 0]
        assert to_go.tolist() == list(range(int(one.courses.distance[0, 0]) // 200 - 1, 0, -1))


def test_pace_is_told_against_the_middle_of_the_field():
    random = np.random.default_rng(3)
    everybody = np.ones((7, 5), np.bool_)
    pace = np.tile([90.0, 91, 92, 93, 94], (7, 1))
    race = made_up(random, running=everybody, stopped=~everybody, pace=pace)
    for name in ("pace", "recent", "last"):
        np.testing.assert_allclose(column(race, name), pace - 92)


def test_a_stop_does_not_count_for_the_recent_pace_and_one_outlier_counts_little():
    everybody = np.ones((7, 5), np.bool_)
    stopped = ~everybody
    stopped[3, 0] = True
    pace = np.full((7, 5), 90.0)
    pace[3, 0] = 1000
    race = made_up(np.random.default_rng(3), running=everybody, stopped=stopped, pace=pace)
    assert not column(race, "recent").any()
    assert column(race, "last")[3, 0] == 90
    assert column(race, "since_stop")[:, 0].tolist() == [1, 2, 3, 0, 1, 2, 3]
    assert column(race, "stops")[3, 0] == pytest.approx(0.8)


def test_par_is_what_was_fastest_so_far_where_nobody_knew_it():
    everybody = np.ones((7, 5), np.bool_)
    pace = np.array([100.0, 90, 180, 90, 80, 88, 80])[:, None].repeat(5, axis=1)
    race = made_up(np.random.default_rng(3), running=everybody, pace=pace)
    np.testing.assert_allclose(column(race, "tempo")[:, 0], [0, 0, 1, 0, 0, 0.1, 0], atol=1e-6)


def test_what_a_source_does_not_have_is_0():
    race = made_up(np.random.default_rng(3), known={})
    for name in ("draw", "form", "team", "qualifying", "weight", "style", "pressure"):
        assert not column(race, name).any()

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.race.evaluation import belief, hit, measure, quarter, spearman, summarize, surprise
from tests.models.race.races import made_up

scipy_stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed, and is what these are compared with")


def score_of(races, *strengths):
    return summarize(races, measure(races, *strengths))


@given(seed=st.integers(0, 2**32 - 1))
def test_spearman_is_scipys_also_with_equal_values(seed):
    race = made_up(np.random.default_rng(seed))
    strengths = np.random.default_rng(seed).integers(0, 4, race.running.shape).astype(float)
    found = spearman(strengths, race.places, race.running)
    for value, given_, seen in zip(found, strengths, race.running, strict=True):
        if seen.sum() < 2 or len(set(given_[seen])) < 2:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(scipy_stats.spearmanr(-given_[seen], race.places[seen])[0], abs=1e-12)


def test_who_foresees_all_has_a_correlation_of_1_and_every_winner():
    races = [made_up(np.random.default_rng(seed), running=np.ones((7, 5), np.bool_)) for seed in range(4)]
    truth = score_of(races, [np.tile(-race.places.astype(float), (7, 1)) for race in races])
    assert [figure.mean for figure in truth.spearman + truth.winner] == pytest.approx([1.0] * 10)
    assert [figure.low for figure in truth.spearman] == pytest.approx([1.0] * 5)
    wrong = score_of(races, [np.tile(race.places.astype(float), (7, 1)) for race in races])
    assert wrong.spearman[-1].mean == pytest.approx(-1)
    assert wrong.winner[-1].mean == 0


def test_a_mean_lies_between_its_bounds_and_more_races_bring_them_together():
    def width(count):
        races = [made_up(np.random.default_rng(seed)) for seed in range(count)]
        figure = score_of(races, [-race.position.astype(float) for race in races]).spearman[-1]
        assert figure.low < figure.mean < figure.high
        return figure.high - figure.low

    assert width(200) < width(10)


def test_who_did_not_get_to_the_end_counts_only_where_everybody_does():
    race = made_up(np.random.default_rng(1), places=np.array([1, 2, 3, 4, 5]), running=np.ones((7, 5), np.bool_))
    race.finished[4] = False
    found = score_of([race], [np.tile([4.0, 3, 2, 1, 5], (7, 1))])
    assert found.finished[-1].mean == pytest.approx(1)
    assert found.spearman[-1].mean == pytest.approx(0)


def test_the_winner_is_hit_only_where_the_strongest_of_those_seen_won():
    race = made_up(np.random.default_rng(1), places=np.array([1, 2, 3, 4, 5]), running=np.ones((7, 5), np.bool_))
    race.running[1, 0] = False
    race.running[2] = False
    strengths = np.tile([5.0, 4, 3, 2, 1], (7, 1))
    strengths[3] *= -1
    np.testing.assert_array_equal(hit(strengths, race), [1, 0, np.nan, 0, 1, 1, 1])


def test_surprise_is_the_log_loss_of_the_winners_chance():
    race = made_up(np.random.default_rng(1), places=np.array([2, 1, 3, 4, 5]), running=np.ones((7, 5), np.bool_))
    race.running[1, 1] = False
    race.running[2, 3:] = False
    found = surprise(np.tile(np.log([2.0, 3, 1, 3, 1]), (7, 1)), race)
    assert found[0] == pytest.approx(-np.log(3 / 10))
    assert np.isnan(found[1])
    assert found[2] == pytest.approx(-np.log(3 / 6))


def test_belief_is_the_chance_of_the_favourite_of_those_seen():
    race = made_up(np.random.default_rng(1), running=np.ones((7, 5), np.bool_))
    race.running[1, [1, 3]] = False
    race.running[2] = False
    found = belief(np.tile(np.log([2.0, 3, 1, 3, 1]), (7, 1)), race)
    np.testing.assert_allclose(found[:3], [3 / 10, 2 / 4, np.nan])


def test_quarters_end_with_their_last_moment():
    race = made_up(np.random.default_rng(1), moments=8)
    assert quarter(race).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_gain_is_surer_than_the_figures_it_is_the_difference_of():
    races = [made_up(np.random.default_rng(seed)) for seed in range(30)]
    one = measure(races, [-race.position.astype(float) for race in races])
    # Where the other differs in one race alone, the gain is of that race.
    other = measure(races, [-race.position * (-1.0 if race is races[0] else 1.0) for race in races])
    gain = summarize(races, one.minus(other)).spearman[-1]
    figure = summarize(races, one).spearman[-1]
    assert gain.mean == pytest.approx(figure.mean - summarize(races, other).spearman[-1].mean)
    assert gain.high - gain.low < figure.high - figure.low


def test_a_quarter_without_data_has_no_figure():
    races = [made_up(np.random.default_rng(seed), moments=3, running=np.ones((3, 5), np.bool_)) for seed in range(3)]
    first, *others = score_of(races, [np.tile(-race.places.astype(float), (3, 1)) for race in races]).spearman
    assert np.isnan([first.mean, first.low, first.high]).all()
    assert str(first) == "none"
    assert [str(figure) for figure in others] == ["1.000 [1.000, 1.000]"] * 4


def test_races_that_lack_a_quarter_do_not_draw_its_bounds_towards_nothing():
    short = [made_up(np.random.default_rng(seed), moments=3, running=np.ones((3, 5), np.bool_)) for seed in range(6)]
    whole = [made_up(np.random.default_rng(seed), moments=8, running=np.ones((8, 5), np.bool_)) for seed in range(2)]
    races = short + whole
    found = score_of(races, [np.tile(-race.places.astype(float), (len(race.moments), 1)) for race in races])
    assert str(found.spearman[0]) == "1.000 [1.000, 1.000]"


def test_what_one_race_tells_has_no_bounds():
    race = made_up(np.random.default_rng(1), running=np.ones((7, 5), np.bool_))
    figure = score_of([race], [np.tile(-race.places.astype(float), (7, 1))]).spearman[-1]
    assert (figure.mean, str(figure)) == (pytest.approx(1), "1.000")

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.race.field import before_next, behind_next, lagged_mean, mean, middle, since

SEEDS = st.integers(0, 2**32 - 1)


def field(seed):
    random = np.random.default_rng(seed)
    return random.normal(size=(6, 4)), random.random((6, 4)) < 0.6


@given(seed=SEEDS)
def test_middle_and_mean_are_of_those_seen(seed):
    values, seen = field(seed)
    for row, mask, median, average in zip(values, seen, middle(values, seen), mean(values, seen), strict=True):
        np.testing.assert_allclose(median, np.median(row[mask]) if mask.any() else 0)
        np.testing.assert_allclose(average, row[mask].mean() if mask.any() else 0)


def test_distances_to_the_next_pass_over_those_not_seen():
    gap = np.array([[5.0, 0.0, 3.0, 1.0]])
    seen = np.array([[True, True, False, True]])
    assert behind_next(gap, seen).tolist() == [[4, 0, 0, 1]]
    assert before_next(gap, seen).tolist() == [[0, 1, 0, 4]]


@given(seed=SEEDS, width=st.integers(1, 8))
def test_a_lagged_mean_is_of_the_last_that_count(seed, width):
    values, counted = field(seed)
    found = lagged_mean(values, counted, width)
    for moment in range(6):
        for member in range(4):
            past = values[: moment + 1, member][counted[: moment + 1, member]][-width:]
            np.testing.assert_allclose(found[moment, member], past.mean() if len(past) else 0, atol=1e-12)


def test_since_counts_from_the_start_until_it_happens():
    assert since(np.array([[False], [True], [False], [False]]))[:, 0].tolist() == [1, 0, 1, 2]

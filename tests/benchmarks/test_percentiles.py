import numpy as np
import pytest

from benchmarks.percentiles import Spread, percentile, ratios


def test_a_percentile_is_the_nearest_rank_that_numpy_finds() -> None:
    seed = np.random.SeedSequence().entropy
    print(f"seed {seed}")
    values = np.random.default_rng(seed).exponential(size=997).tolist()
    for rank in (1, 50, 99, 99.9, 100):
        assert percentile(values, rank) == np.percentile(values, rank, method="inverted_cdf")


def test_the_highest_of_few_values_is_their_99th_percentile() -> None:
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0


@pytest.mark.parametrize(("values", "rank"), [([], 50), ([1.0], 0), ([1.0], 101)])
def test_what_has_no_percentile_is_refused(values: list[float], rank: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, rank)


def test_ratios_are_taken_round_by_round_before_the_median() -> None:
    # The machine was three times slower in the second round; the ratio of the medians would be 15 / 10.
    assert ratios([10, 30, 15], [5, 15, 10]) == Spread(median=2, lowest=1.5, highest=2)


def test_rounds_that_do_not_pair_up_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratios([1, 2], [1])

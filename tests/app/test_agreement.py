"""How far two rankings agree, beside SciPy's Spearman."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from app.agreement import agreement, named
from models.predictor import TopK

NAMES = "abcdefghij"


def of(*rows: str) -> np.ndarray:
    return np.array([[name.encode() for name in row] for row in rows], object)


def ranks(ranking: Sequence[int], union: Sequence[int]) -> list[float]:
    """The place of each name; those that a ranking lacks share the places behind."""
    behind = (len(ranking) + len(union) - 1) / 2
    return [float(ranking.index(name)) if name in ranking else behind for name in union]


@st.composite
def rankings(draw: st.DrawFn) -> tuple[list[list[int]], list[list[int]]]:
    rows = draw(st.integers(1, 5))
    pair = []
    for _ in range(2):
        entries = draw(st.integers(1, 6))
        pair.append([draw(st.permutations(range(8)))[:entries] for _ in range(rows)])
    return pair[0], pair[1]


@given(rankings())
def test_the_correlation_is_spearmans_over_all_names_of_both(pair: tuple[list[list[int]], list[list[int]]]) -> None:
    found = agreement(np.array(pair[0], np.int32), np.array(pair[1], np.int32))
    assert found.same_top.tolist() == [one[0] == other[0] for one, other in zip(*pair, strict=True)]
    for correlation, one, other in zip(found.correlation.tolist(), *pair, strict=True):
        union = sorted({*one, *other})
        if len(union) == 1:
            assert correlation == 1.0
        else:
            assert correlation == pytest.approx(spearmanr(ranks(one, union), ranks(other, union)).statistic)


@pytest.mark.parametrize(
    ("one", "other", "same", "correlation"),
    [
        ("abc", "abc", True, 1.0),
        ("abc", "cba", False, -1.0),
        ("ab", "ba", False, -1.0),
        ("a", "a", True, 1.0),
        ("a", "b", False, -1.0),
        ("abc", "acb", True, 0.5),
        # d shares no place with anybody in the first, c none in the second: 0 1 2 3 and 0 1 3 2.
        ("abc", "abd", True, 0.8),
    ],
)
def test_names_that_one_ranking_lacks_stand_behind_its_last(
    one: str, other: str, same: bool, correlation: float
) -> None:
    found = agreement(of(one), of(other))
    assert (found.same_top.tolist(), found.correlation.tolist()) == ([same], [pytest.approx(correlation)])


def test_names_are_those_that_are_published() -> None:
    indices = np.array([[2, 0], [1, 2]], np.int32)
    ranking = TopK(np.zeros((2, 2), np.float32), indices, np.ones(2, np.bool_))
    assert named(ranking, ["no", "maybe", "yes"]).tolist() == [[b"yes", b"no"], [b"maybe", b"yes"]]
    assert named(ranking, None).tolist() == [[b"2", b"0"], [b"1", b"2"]]
    own = TopK(ranking.scores, indices, ranking.finite, of("xy", "zx"))
    assert named(own, ["no", "maybe", "yes"]).tolist() == [[b"x", b"y"], [b"z", b"x"]]


def test_names_that_come_twice_in_a_row_do_no_harm() -> None:
    found = agreement(of("aab", "abc"), of("aba", "abc"))
    assert found.same_top.all()
    assert (np.abs(found.correlation) <= 1).all()

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit import ranges
from app.audit.ranges import NOTHING, Ranges


def runs(offsets: set[int]) -> list[tuple[int, int]]:
    """The same, one offset at a time."""
    found: list[tuple[int, int]] = []
    for offset in sorted(offsets):
        if found and found[-1][1] == offset - 1:
            found[-1] = found[-1][0], offset
        else:
            found.append((offset, offset))
    return found


@given(st.lists(st.integers(0, 60)))
def test_runs_are_those_that_one_finds_by_hand(offsets: list[int]):
    found = Ranges.of(np.array(offsets, np.int64))
    assert list(found) == runs(set(offsets))
    assert found.count == len(set(offsets))
    assert len(found) == len(runs(set(offsets)))


@given(st.lists(st.integers(0, 7), max_size=60), st.integers(0, 7), st.integers(0, 100), st.integers(1, 9))
def test_flags_become_runs_whatever_the_blocks_they_are_read_in(flags: list[int], mask: int, start: int, block: int):
    value = mask & 5
    expected = {start + place for place, flag in enumerate(flags) if flag & mask == value}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranges, "_BLOCK", block)
        found = Ranges.where(np.array(flags, np.uint8), mask, value, start)
    assert list(found) == runs(expected)


def test_ranges_are_equal_when_their_offsets_are():
    some = Ranges.of(np.array([1, 2, 5]))
    assert some == Ranges.of(np.array([5, 2, 1, 1]))
    assert hash(some) == hash(Ranges.of(np.array([5, 2, 1])))
    assert some != NOTHING
    assert some != [(1, 2), (5, 5)]

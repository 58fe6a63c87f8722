"""What is shown of values."""

from typing import Any

import pytest

from app.live.cell import cell, key, number, text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (3, 3),
        (0.5, 0.5),
        (True, "true"),
        (2**53, "9007199254740992"),
        (10**400, "1" + "0" * 58 + "…"),
        ("a" * 60, "a" * 60),
        ("a" * 61, "a" * 59 + "…"),
        ({"a": [1, "ä"]}, '{"a":[1,"ä"]}'),
        ([10**30], "[1000000000000000000000000000000]"),
    ],
)
def test_numbers_stay_and_everything_else_is_short_text(value: Any, shown: Any):
    assert cell(value) == shown
    assert type(cell(value)) is type(shown)


def test_a_name_is_text_also_when_it_is_a_number():
    assert (text(7), text("7"), text(None)) == ("7", "7", "null")


def test_names_that_look_the_same_once_they_are_cut_are_still_told_apart():
    names = ["a" * 60, "a" * 59 + "…", "a" * 61, "a" * 59 + "b" * 2, ["a" * 60], ["a" * 61]]
    keys = [key(name) for name in names]
    assert len(set(keys)) == len(names)
    assert [each[:60] for each in keys] == [text(name) for name in names]
    assert max(len(each) for each in keys) == 76


@pytest.mark.parametrize(("value", "shown"), [(1, 1), (0.5, 0.5), (None, None), ("1", None), (2**60, None)])
def test_only_numbers_are_scores(value: Any, shown: Any):
    assert number(value) == shown

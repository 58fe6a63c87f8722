import pytest

from app import moment

NOW = 1_700_000_000_000  # 2023-11-14T22:13:20Z


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-14T23:13:20.250+01:00", NOW + 250),
        ("2023-11-14 22:13:20-00:00", NOW),
        ("90s", NOW - 90_000),
        ("15m", NOW - 900_000),
        ("2h", NOW - 7_200_000),
        ("3d", NOW - 259_200_000),
        ("1w", NOW - 604_800_000),
        ("0s", NOW),
    ],
)
def test_a_moment_is_a_time_with_its_zone_or_an_age(text: str, ms: int) -> None:
    assert moment.read(text, NOW) == ms


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2023-11-14T22:13:20", "2023-11-14", "2", "-2h", "2 h", "1y", "2h3m"]
)
def test_any_other_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"is neither a time such as .*Z nor an age such as") as caught:
        moment.read(text, NOW)
    assert repr(text) in str(caught.value)


def test_a_moment_is_written_in_utc() -> None:
    assert moment.written(NOW + 250) == "2023-11-14T22:13:20.250Z"
    assert moment.written(2**62) == f"{2**62} ms since the epoch"


@pytest.mark.parametrize(
    ("seconds", "age"),
    [(-5, "0s"), (0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86_399, "23h"), (10**6, "11d")],
)
def test_an_age_is_told_in_its_largest_unit(seconds: int, age: str) -> None:
    assert moment.age(NOW - seconds * 1000, NOW) == age

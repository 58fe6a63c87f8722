"""When a ranking counts as current after an outage."""

import pytest

from benchmarks.outage import RATE, is_current

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("seconds_until_next", "seconds_ago", "current"),
    [
        (0.1, 0.5, True),
        (0.1, 1.09, True),
        (0.1, 1.11, False),
        (2.0, 2.9, True),  # nothing of it was due for two seconds, and what came then is young enough
        (2.0, 3.1, False),
    ],
)
def test_a_ranking_is_current_until_it_lacks_a_record_that_was_due_a_second_before(
    seconds_until_next: float, seconds_ago: float, current: bool
) -> None:
    now = 100 * SECOND
    due = now - int(seconds_ago * SECOND)
    assert is_current(int(seconds_until_next * RATE), due, now) is current

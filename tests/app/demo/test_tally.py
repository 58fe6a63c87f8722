import pytest

from app.demo.tally import Tally

TRUTHS = ["one", "two", "three"]


def sent(count: int, *, every: float = 1.0) -> Tally:
    """Return a tally of *count* records, due every *every* seconds from second 100 on."""
    tally = Tally(TRUTHS, count)
    for number in range(count):
        tally.sent(100 + number * every)
    return tally


def test_latency_counts_from_when_a_record_was_due():
    tally = sent(3)
    for number, read_at in enumerate([100.5, 101.25, 103.0]):
        tally.predicted(number, (("one", 1.0),), read_at)
    assert tally.latency_ms(0, 50, 100) == pytest.approx((250, 500, 1000))
    assert tally.latency_ms(50, last=1) == pytest.approx((1000,))


def test_the_rate_spans_from_the_first_due_record_to_the_last_read_one():
    tally = sent(4, every=0.5)
    for number in range(4):
        tally.predicted(number, (("one", 1.0),), 102.0)
    assert tally.records_a_second == pytest.approx(2)


def test_truths_are_used_again_when_there_are_more_records_than_truths():
    tally = sent(5)
    for number, label in enumerate(["one", "two", "two", "one", "one"]):
        tally.predicted(number, ((label, 0.9), ("none", 0.1)), 110)
    assert tally.correct == 3


def test_a_second_prediction_of_a_record_is_counted_apart_and_changes_nothing_else():
    tally = sent(2)
    tally.predicted(0, (("one", 1.0),), 101)
    tally.predicted(0, (("two", 1.0),), 109)
    tally.predicted(-1, (("two", 1.0),), 109)
    assert (tally.repeated, tally.answered, tally.correct, tally.latency_ms(100)) == (2, 1, 1, (1000,))


def test_a_dead_letter_answers_a_record():
    tally = sent(2)
    tally.predicted(0, (("one", 1.0),), 101)
    tally.dead_lettered(102)
    assert (tally.answered, tally.dead_letters, tally.view(103).waiting) == (2, 1, 0)


def test_nothing_sent_has_no_figures():
    tally = Tally(TRUTHS, 10)
    view = tally.view(100)
    assert (view.sent, view.answered, view.rate, view.p50, view.p99, view.latest) == (0, 0, 0, 0, 0, ())
    assert tally.records_a_second == 0


def test_a_view_shows_the_pace_of_late_and_the_newest_predictions_first():
    tally = sent(10, every=0.1)
    tally.view(101)
    for number in range(10):
        tally.predicted(number, ((TRUTHS[number % 3], 0.5),), 101.5)
    view = tally.view(102)
    assert view.rate == pytest.approx(10)
    assert [each.number for each in view.latest] == [9, 8, 7, 6, 5]
    assert view.latest[0].truth == "one"

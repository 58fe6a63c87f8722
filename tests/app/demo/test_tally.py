import pytest

from app.demo.tally import Tally


def sent(count: int, *, every: float = 1.0) -> Tally:
    """Return a tally of *count* records, due every *every* seconds from second 100 on; all in partition 3."""
    tally = Tally(count)
    for number in range(count):
        tally.sent(100 + number * every)
        tally.placed(number, (3, number))
    return tally


def wrong(tally):
    return tally.missing, tally.repeated, tally.foreign, tally.unended


def test_latency_counts_from_when_a_record_was_due():
    tally = sent(3)
    for number, read_at in enumerate([100.5, 101.25, 103.0]):
        assert tally.ranked(number, (3, number), read_at)
    assert tally.latency_ms(0, 50, 100) == pytest.approx((250, 500, 1000))
    assert tally.latency_ms(50, last=1) == pytest.approx((1000,))


def test_the_rate_spans_from_the_first_due_record_to_the_last_read_answer():
    tally = sent(4, every=0.5)
    for number in range(4):
        tally.ranked(number, (3, number), 102.0)
    assert tally.records_a_second == pytest.approx(2)


def test_each_kind_of_answer_answers():
    tally = Tally(4)
    for number in range(4):
        tally.sent(100)
        tally.placed(number, (0, number), ends_race=number == 3)
    tally.overtaken([(0, 0)], 101)
    tally.ranked(1, (0, 1), 101)
    tally.dead_lettered((0, 2), 101)
    assert not tally.complete
    tally.ended((0, 3), 101)
    assert tally.complete
    assert wrong(tally) == (0, 0, 0, 0)
    assert (tally.rankings, tally.superseded, tally.dead_letters, tally.tombstones) == (1, 1, 1, 1)


def test_an_answer_may_be_read_before_the_brokers_confirmation():
    tally = Tally(1)
    tally.sent(100)
    tally.ranked(0, (0, 7), 101)
    assert not tally.complete
    tally.placed(0, (0, 7))
    assert tally.complete
    assert wrong(tally) == (0, 0, 0, 0)


def test_a_second_answer_is_counted_apart_and_changes_nothing_else():
    tally = sent(2)
    tally.ranked(0, (3, 0), 101)
    assert not tally.ranked(0, (3, 0), 109)
    tally.overtaken([(3, 0)], 109)
    assert wrong(tally) == (1, 2, 0, 0)
    assert tally.latency_ms(100) == (1000,)


def test_an_answer_of_what_was_not_sent_is_found():
    tally = sent(1)
    tally.ranked(0, (3, 0), 101)
    tally.ranked(-5, (3, 900), 101)
    tally.dead_lettered((-1, -1), 101)
    assert wrong(tally) == (0, 0, 2, 0)


def test_a_ranking_that_names_another_record_than_the_one_it_answers_is_found():
    tally = sent(2)
    tally.ranked(1, (3, 0), 101)
    tally.ranked(1, (3, 1), 101)
    assert wrong(tally) == (0, 0, 1, 0)


def test_an_end_that_comes_out_as_something_else_is_found_and_so_is_something_else_that_ends():
    for ends_race in (True, False):
        tally = Tally(1)
        tally.sent(100)
        tally.placed(0, (0, 0), ends_race=ends_race)
        tally.ranked(0, (0, 0), 101) if ends_race else tally.ended((0, 0), 101)
        assert tally.complete
        assert tally.unended == 1


def test_nothing_sent_has_no_figures():
    tally = Tally(10)
    figures = tally.figures(100)
    assert (figures.sent, figures.answered, figures.waiting, figures.rate, figures.p50, figures.p99) == (0,) * 6
    assert (tally.records_a_second, tally.complete, tally.missing) == (0, False, 10)


def test_figures_show_the_pace_of_late():
    tally = sent(10, every=0.1)
    tally.figures(101)
    for number in range(9):
        tally.ranked(number, (3, number), 101.5)
    figures = tally.figures(102)
    assert figures.rate == pytest.approx(9)
    assert (figures.total, figures.sent, figures.answered, figures.waiting) == (10, 10, 9, 1)

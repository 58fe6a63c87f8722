"""The pauses between attempts."""

from itertools import islice

from app.backoff import Backoff, endless_pauses


def test_pauses_double_by_and_large_and_end():
    pauses = [list(Backoff(0.1, pauses=4)) for _ in range(200)]
    for number, nominal in enumerate((0.1, 0.2, 0.4, 0.8)):
        some = [each[number] for each in pauses]
        assert 0.5 * nominal <= min(some) < max(some) <= 1.5 * nominal
    assert {len(each) for each in pauses} == {4}


def test_by_default_a_failing_model_is_given_up_after_a_few_seconds():
    assert len(list(Backoff())) == 5
    assert 2 < sum(Backoff()) < 7.5


def test_no_pauses_is_no_further_attempt():
    assert list(Backoff(pauses=0)) == []


def test_pauses_without_end_grow_to_the_longest_and_stay_there():
    pauses = [list(islice(endless_pauses(0.1, 1.0), 2000)) for _ in range(20)]
    for number, nominal in enumerate((0.1, 0.2, 0.4, 0.8, 1.0, 1.0)):
        assert all(0.5 * nominal <= each[number] <= 1.5 * nominal for each in pauses)
    assert all(0.5 <= each[-1] <= 1.5 for each in pauses)

import pytest

from app.demo.tally import Tally
from app.demo.verdict import judge

TRUTHS = ["one", "two", "three", "four"]
DIRECT = ["one", "two", "three", "nine"]  # the model itself is wrong about the last


def judged(labels, *, repeated=0, dead_letters=0):
    """Return the verdict about eight records of which these labels came back."""
    tally = Tally(TRUTHS, 8)
    for number in range(8):
        tally.sent(number)
    for number, label in enumerate(labels):
        tally.predicted(number, ((label, 1.0),), 10)
    for _ in range(repeated):
        tally.predicted(0, (("one", 1.0),), 10)
    for _ in range(dead_letters):
        tally.dead_lettered(10)
    return judge(tally, truths=TRUTHS, direct=DIRECT)


def test_the_models_own_answers_are_right_even_where_the_model_is_wrong():
    verdict = judged(DIRECT * 2)
    assert verdict.faults == []
    assert (verdict.correct, verdict.direct_correct) == (6, 6)
    assert "75.00%      the same as the 75.00% of the model run directly with Keras" in verdict.lines[-1]


@pytest.mark.parametrize(
    ("verdict", "fault"),
    [
        (judged(DIRECT + DIRECT[:3]), "1 records have no prediction"),
        (judged(DIRECT * 2, repeated=2), "2 predictions came more than once"),
        (judged(DIRECT + DIRECT[:3], dead_letters=1), "1 records were refused"),
        (judged(TRUTHS * 2), "2 predictions are not those of the model"),
        (judged(TRUTHS * 2), "the accuracy is not that of the model"),
    ],
)
def test_whatever_is_wrong_is_said(verdict, fault):
    assert any(sentence.startswith(fault) for sentence in verdict.faults)


def test_other_answers_of_the_same_accuracy_are_found():
    verdict = judged(["one", "two", "nine", "four"] * 2)
    assert verdict.correct == verdict.direct_correct
    assert verdict.faults == ["4 predictions are not those of the model run directly with Keras"]


def test_an_accuracy_that_differs_shows_in_the_summary():
    assert "100.00%      NOT the same as the 75.00%" in judged(TRUTHS * 2).lines[-1]

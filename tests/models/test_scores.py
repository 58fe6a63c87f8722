import pytest

from models.errors import ModelNotUsable
from models.scores import Output, choose_scores

SCORES = Output("scores", "float32", (None, 10))
PROBABILITIES = Output("probabilities", "float64", (None, 10))
LOGITS = Output("logits", "float32", (None, 10))
CLASS_ID = Output("class_id", "int64", (None,))
NAMES = Output("names", "string", (None, 10))
EMBEDDING = Output("embedding", "float32", (None, 4, 4))
CONSTANT = Output("prior", "float32", (10,))
VALID = Output("valid", "bool", (None,))


def test_the_output_asked_for_wins() -> None:
    assert choose_scores([SCORES, PROBABILITIES, LOGITS], "logits") is LOGITS


def test_scores_win_over_probabilities_and_these_over_others() -> None:
    assert choose_scores([LOGITS, PROBABILITIES, SCORES], None) is SCORES
    assert choose_scores([LOGITS, PROBABILITIES], None) is PROBABILITIES


@pytest.mark.parametrize("only", [LOGITS, CLASS_ID, Output("anything", "bfloat16", (None, None))])
def test_the_only_output_that_fits_needs_no_name(only: Output) -> None:
    assert choose_scores([NAMES, EMBEDDING, CONSTANT, VALID, only], None) is only


def test_a_preferred_name_that_cannot_hold_scores_does_not_count() -> None:
    assert choose_scores([Output("scores", "string", (None, 10)), LOGITS], None) is LOGITS


def test_several_that_fit_are_refused_with_the_candidates() -> None:
    with pytest.raises(ModelNotUsable) as refusal:
        choose_scores([LOGITS, CLASS_ID, NAMES, EMBEDDING], None)
    assert str(refusal.value) == (
        "which output holds the scores? Name one of: logits float32 [None, 10]; class_id int64 [None]"
    )


def test_none_that_fits_is_refused_with_what_there_is() -> None:
    with pytest.raises(ModelNotUsable, match=r"no output can hold scores .* names string \[None, 10\]; embedding"):
        choose_scores([NAMES, EMBEDDING], None)


def test_an_output_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ModelNotUsable, match=r"'score' is not there; the outputs are: scores float32 \[None, 10\]"):
        choose_scores([SCORES], "score")


@pytest.mark.parametrize("output", [NAMES, EMBEDDING, CONSTANT, VALID])
def test_an_output_that_cannot_hold_scores_is_refused_even_when_asked_for(output: Output) -> None:
    with pytest.raises(ModelNotUsable, match=f"{output.name!r} cannot hold scores"):
        choose_scores([SCORES, output], output.name)


def test_where_every_call_takes_so_many_rows_scores_have_as_many() -> None:
    fixed = [Output("per_row", "float32", (8, 3)), Output("prior", "float32", (3,)), Output("all", "float32", (1, 3))]
    assert choose_scores(fixed, None, batch=8) is fixed[0]
    with pytest.raises(ModelNotUsable, match=r"'prior' cannot hold scores \(numbers, \[8\], \[8, N\] or \[8, N, 1\]\)"):
        choose_scores(fixed, "prior", batch=8)
    assert choose_scores([Output("open", "float32", (None, 3))], None, batch=8).columns == 3


@pytest.mark.parametrize(
    ("shape", "columns"),
    [
        ((None,), 1),
        ((None, 1), 1),
        ((None, 10), 10),
        ((None, None), None),
        (None, None),
        ((None, 10, 1), 10),
        ((None, None, 1), None),
        ((None, 1, 1), 1),
    ],
)
def test_the_columns_follow_from_the_shape(shape: tuple[int | None, ...] | None, columns: int | None) -> None:
    assert choose_scores([Output("scores", "float32", shape)], None).columns == columns

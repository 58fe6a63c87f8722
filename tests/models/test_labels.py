from pathlib import Path

import pytest

from models.errors import ModelNotUsable
from models.labels import Labels, choose_labels, read_labels
from models.scores import Output

THREE = Output("scores", "float32", (None, 3))
ANY = Output("scores", "float32", (None, None))
ONE = Output("probability", "float32", (None, 1))
ROW_LABELS = Output("labels", "string", (None, 3))


@pytest.fixture
def labels_file(tmp_path: Path) -> Path:
    path = tmp_path / "labels.txt"
    path.write_text("cat\ndog\nbird\n", encoding="utf-8")
    return path


def test_the_file_wins_over_the_models_own_labels(labels_file: Path) -> None:
    labels = choose_labels([THREE, ROW_LABELS], THREE, path=labels_file, wanted="labels")
    assert labels == Labels(names=("cat", "dog", "bird"))


def test_the_file_must_have_one_label_per_class(labels_file: Path) -> None:
    with pytest.raises(ModelNotUsable, match=r"labels\.txt has 3 labels, but output 'scores' has 10 columns"):
        choose_labels([], Output("scores", "float32", (None, 10)), path=labels_file, wanted=None)


def test_the_file_tells_how_many_classes_there_are_when_the_model_does_not(labels_file: Path) -> None:
    assert choose_labels([ANY], ANY, path=labels_file, wanted=None).names == ("cat", "dog", "bird")


@pytest.mark.parametrize("name", ["labels", "classes"])
@pytest.mark.parametrize("shape", [(None, 3), (None, None), (3,)])
def test_a_string_output_with_a_usual_name_is_found(name: str, shape: tuple[int | None, ...]) -> None:
    output = Output(name, "string", shape)
    assert choose_labels([THREE, output], THREE, path=None, wanted=None) == Labels(output=output)


@pytest.mark.parametrize(
    "output",
    [
        Output("labels", "int64", (None, 3)),
        Output("labels", "string", (None,)),
        Output("labels", "string", (4,)),
        Output("labels", "string", (None, 4)),
        Output("labels", "string", (3, 3)),
        Output("labels", "string", (None, 3, 1)),
        Output("labels", "string", ()),
        Output("labels", "string", None),
        Output("names", "string", (None, 3)),
    ],
    ids=str,
)
def test_an_output_that_does_not_fit_is_passed_over(output: Output) -> None:
    assert choose_labels([THREE, output], THREE, path=None, wanted=None) == Labels()


def test_an_output_that_does_not_fit_is_refused_when_asked_for() -> None:
    winner = Output("classes", "string", (None,))
    with pytest.raises(ModelNotUsable, match=r"'classes' does not label the columns of scores float32 \[None, 3\]"):
        choose_labels([THREE, winner], THREE, path=None, wanted="classes")


def test_an_output_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ModelNotUsable, match=r"'names' .* the outputs are: .*labels string \[None, 3\]"):
        choose_labels([THREE, ROW_LABELS], THREE, path=None, wanted="names")


@pytest.mark.parametrize("shape", [(None,), (None, 1)])
def test_a_single_column_is_named_after_its_output(shape: tuple[int | None, ...]) -> None:
    scores = Output("probability", "float32", shape)
    assert choose_labels([scores], scores, path=None, wanted=None) == Labels(names=("probability",))


def test_a_single_column_takes_its_name_from_a_file_with_one(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("spam", encoding="utf-8")
    assert choose_labels([ONE], ONE, path=tmp_path / "one.txt", wanted=None).names == ("spam",)


def test_a_single_column_can_be_labelled_row_by_row() -> None:
    output = Output("labels", "string", (None,))
    assert choose_labels([ONE, output], ONE, path=None, wanted=None) == Labels(output=output)


@pytest.mark.parametrize(
    ("output", "scores"),
    [
        (Output("labels", "string", (8, 3)), THREE),
        (Output("labels", "string", (None, 3)), THREE),
        (Output("labels", "string", (8,)), ONE),
        (Output("labels", "string", (8,)), Output("scores", "float32", (8, 8))),
    ],
    ids=str,
)
def test_where_every_call_takes_so_many_rows_labels_may_have_as_many(output: Output, scores: Output) -> None:
    assert choose_labels([scores, output], scores, path=None, wanted=None, batch=8) == Labels(output=output)


def test_where_every_call_takes_so_many_rows_those_of_others_are_passed_over() -> None:
    output = Output("labels", "string", (4, 3))
    assert choose_labels([THREE, output], THREE, path=None, wanted=None, batch=8) == Labels()


def test_two_names_for_a_single_column_name_both_classes(tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("ham\nspam\n", encoding="utf-8")
    assert choose_labels([ONE], ONE, path=tmp_path / "two.txt", wanted=None).names == ("ham", "spam")


def test_two_names_for_a_single_column_of_integers_are_refused(tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("ham\nspam\n", encoding="utf-8")
    votes = Output("votes", "int64", (None, 1))
    with pytest.raises(ModelNotUsable, match=r"two\.txt has 2 labels, but output 'votes' has 1 columns"):
        choose_labels([votes], votes, path=tmp_path / "two.txt", wanted=None)


def test_without_any_names_the_classes_have_none() -> None:
    assert choose_labels([THREE], THREE, path=None, wanted=None) == Labels()


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        (b"cat\ndog\n", ("cat", "dog")),
        (b"cat\r\ndog", ("cat", "dog")),
        (b"\xef\xbb\xbfcat\n", ("cat",)),
        (" Käse \n\nx\n".encode(), (" Käse ", "", "x")),
        ("a\u2028b\x0bc\n".encode(), ("a\u2028b\x0bc",)),
        (b"\n", ("",)),
    ],
)
def test_a_line_is_a_label(tmp_path: Path, content: bytes, labels: tuple[str, ...]) -> None:
    (tmp_path / "labels.txt").write_bytes(content)
    assert read_labels(tmp_path / "labels.txt") == labels


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotUsable, match=r"nowhere\.txt: No such file"):
        read_labels(tmp_path / "nowhere.txt")


def test_a_file_that_is_not_utf8_is_refused_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"cat\nK\xe4se\n")
    with pytest.raises(ModelNotUsable, match=r"latin\.txt: line 2 is not UTF-8"):
        read_labels(tmp_path / "latin.txt")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.txt").touch()
    with pytest.raises(ModelNotUsable, match=r"none\.txt is empty"):
        read_labels(tmp_path / "none.txt")

import pytest

from app.train.options import Options, parse


def test_by_itself_it_trains_on_simulated_races():
    assert parse(["race"]) == Options(None, "race-model", 7, 0, 3000, 400, False)


def test_options_are_taken():
    counts = ["--folds", "5", "--train-on", "100", "--test-on", "10"]
    given = parse(["race", "--races", "there", "--out", "here", "--seed", "3", *counts, "--describe"])
    assert given == Options("there", "here", 3, 5, 100, 10, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "MODEL"),
        (["digits"], "digits"),
        (["race", "--folds", "1"], "1 is not between 2 and 100"),
        (["race", "--seed", "-1"], "-1"),
        (["race", "--train-on", "many"], "many"),
        (["race", "--race", "there"], "unrecognized arguments"),
    ],
)
def test_wrong_options_are_named(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        parse(arguments)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_help_has_examples_and_exit_statuses(capsys):
    with pytest.raises(SystemExit):
        parse(["race", "--help"])
    said = capsys.readouterr().out
    assert "streamrank train race --races DIR" in said
    assert "exit status: 0 done; 1 training failed; 2 wrong options" in said

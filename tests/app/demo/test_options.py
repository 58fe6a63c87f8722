from pathlib import Path

import pytest

from app.demo.options import RACES, Options, parse


def test_by_itself_it_streams_some_races_for_some_seconds_and_ends():
    assert parse([]) == Options(races=RACES, speed=None, port=None, keep=False)


def test_options_are_taken():
    assert parse(["--races", "6", "--speed", "0.5", "--port", "8000", "--keep"]) == Options(6, 0.5, 8000, True)


def test_a_folder_of_real_races_is_taken_too(tmp_path, monkeypatch):
    (tmp_path / "laps").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse(["--races", "laps"]).races == Path(tmp_path, "laps")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--races", "0"], "0 is not between 1 and"),
        (["--races", "-3"], "-3"),
        (["--races", "many"], "many is neither a number nor a folder"),
        (["--speed", "nan"], "nan is not between"),
        (["--port", "70000"], "70000 is not between 1 and 65535"),
        (["--race", "5"], "unrecognized arguments"),
    ],
)
def test_wrong_options_are_named(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        parse(arguments)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_help_tells_examples_and_the_exit_statuses(capsys):
    with pytest.raises(SystemExit) as end:
        parse(["--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert "streamrank demo --races DIR" in said
    assert "with new races, or with the real ones again from the first" in " ".join(said.split())
    assert "exit status: 0 when every record was answered once" in said

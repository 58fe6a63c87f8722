import os
from pathlib import Path

import pytest

from config.sources import Given, gather


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_the_environment_wins_over_the_file(env_file: Path) -> None:
    env_file.write_text("A=file\nB=file\n")

    given = gather({"A": "environment", "C": "environment"}, env_file)

    assert given.values == {
        "A": Given("environment", "environment"),
        "B": Given("file", ".env"),
        "C": Given("environment", "environment"),
    }
    assert given.mistakes == ()


def test_an_empty_variable_of_the_environment_leaves_the_files_value(env_file: Path) -> None:
    env_file.write_text("A=file\nB=\nC\n")

    assert gather({"A": ""}, env_file).values == {"A": Given("file", ".env")}


def test_a_file_that_does_not_exist_is_no_mistake(env_file: Path) -> None:
    assert gather({}, env_file).mistakes == ()
    assert gather({}, None).mistakes == ()


def test_quotes_comments_and_export_are_understood_and_a_dollar_is_a_dollar(env_file: Path) -> None:
    env_file.write_text("export A=1 # one\n\n# B=2\nC=' a b '\nD=\"x\\ny\"\nE=a$HOME${PATH}\n", encoding="utf-8")

    values = gather({}, env_file).values

    assert {name: given.value for name, given in values.items()} == {
        "A": "1",
        "C": " a b ",
        "D": "x\ny",
        "E": "a$HOME${PATH}",
    }


def test_a_line_that_is_no_assignment_is_told_by_its_number_and_not_by_its_text(env_file: Path) -> None:
    env_file.write_text("A=1\n\n\nthis is no assignment\nB='hush\nC=3\n")

    given = gather({}, env_file)

    rule = "cannot be read: it must be VARIABLE=value, with every quote closed"
    assert given.mistakes == (f"{env_file} line 4 {rule}", f"{env_file} line 5 {rule}")
    assert given.values["C"] == Given("3", ".env")


def test_a_file_that_is_no_text_is_a_mistake(env_file: Path) -> None:
    env_file.write_bytes(b"A=\xff\n")

    assert gather({}, env_file).mistakes == (f"{env_file} is not UTF-8 text",)


def test_a_file_that_cannot_be_read_is_a_mistake(env_file: Path) -> None:
    env_file.mkdir()

    assert gather({}, env_file).mistakes == (f"{env_file} cannot be read: Is a directory",)
    assert os.listdir(env_file) == []

import os
from pathlib import Path

import pytest

from config.sources import FILE_VARIABLES, Given, gather


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


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    return tmp_path / "secret"


@pytest.mark.parametrize("variable", FILE_VARIABLES)
@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("hush", "hush"),
        ("hush\n", "hush"),
        ("hush\r\n", "hush"),
        (" hush \n", " hush "),
        ("hush\n\n", "hush\n"),
        ("a$B='ä'", "a$B='ä'"),
    ],
)
def test_a_value_is_read_from_a_file_less_one_newline(
    secret_file: Path, variable: str, content: str, value: str
) -> None:
    secret_file.write_bytes(content.encode())

    given = gather({variable: f" {secret_file} "}, None)

    assert given.values[FILE_VARIABLES[variable]] == Given(value, "file")
    assert given.mistakes == ()


def test_the_path_of_a_secrets_file_may_stand_in_the_env_file(env_file: Path, secret_file: Path) -> None:
    secret_file.write_text("hush")
    env_file.write_text(f"KAFKA_SASL_PASSWORD_FILE={secret_file}\n")

    assert gather({}, env_file).values["KAFKA_SASL_PASSWORD"] == Given("hush", "file")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "is empty"), (b" \n", "is empty"), (b"hush\xff", "is not UTF-8 text")],
)
def test_a_file_without_a_value_is_a_mistake_that_names_the_path_and_not_the_content(
    secret_file: Path, content: bytes, reason: str
) -> None:
    secret_file.write_bytes(content)

    given = gather({"KAFKA_SASL_PASSWORD_FILE": str(secret_file)}, None)

    assert given.mistakes == (f"KAFKA_SASL_PASSWORD_FILE={secret_file}: the file {reason}",)
    assert "KAFKA_SASL_PASSWORD" not in given.values


def test_a_secrets_file_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    paths = {"KAFKA_SASL_PASSWORD_FILE": str(tmp_path), "KAFKA_SASL_USERNAME_FILE": f"{tmp_path}/nope"}

    assert gather(paths, None).mistakes == (
        f"KAFKA_SASL_USERNAME_FILE={tmp_path}/nope: the file cannot be read: No such file or directory",
        f"KAFKA_SASL_PASSWORD_FILE={tmp_path}: the file cannot be read: Is a directory",
    )


def test_a_value_and_a_file_for_it_are_a_mistake_wherever_they_were_given(env_file: Path, secret_file: Path) -> None:
    secret_file.write_text("hush")
    env_file.write_text("KAFKA_SASL_PASSWORD=other\n")

    given = gather({"KAFKA_SASL_PASSWORD_FILE": str(secret_file)}, env_file)

    assert given.mistakes == (
        f"KAFKA_SASL_PASSWORD_FILE={secret_file}: KAFKA_SASL_PASSWORD is given too; unset one of them",
    )


def test_a_given_value_does_not_show_in_its_repr() -> None:
    assert "hush" not in repr(gather({"KAFKA_SASL_PASSWORD": "hush"}, None))

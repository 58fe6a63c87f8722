from pathlib import Path

import pytest

from config.description import SettingRow, describe
from config.settings import VARIABLES, SettingsError

REQUIRED = {"INPUT_TOPIC": "images", "OUTPUT_TOPIC": "rankings", "MODEL_PATH": "/models/digits"}


def rows(environ: dict[str, str], env_file: Path | None = None) -> dict[str, SettingRow]:
    return {row.variable: row for row in describe(environ, env_file)}


def test_there_is_a_row_for_every_variable_in_the_order_of_the_settings() -> None:
    assert list(rows(REQUIRED)) == list(VARIABLES)


def test_each_row_says_where_its_value_came_from(tmp_path: Path) -> None:
    env_file = tmp_path / "anything.env"
    env_file.write_text("BATCH_MAX_SIZE=64\nRANK_TOP_K=3\n")

    described = rows(REQUIRED | {"RANK_TOP_K": " 1 "}, env_file)

    assert (described["RANK_TOP_K"].value, described["RANK_TOP_K"].source) == ("1", "environment")
    assert (described["BATCH_MAX_SIZE"].value, described["BATCH_MAX_SIZE"].source) == ("64", ".env")
    assert (described["HTTP_PORT"].value, described["HTTP_PORT"].source) == ("8000", "default")


def test_a_default_that_depends_on_another_variable_is_shown_resolved() -> None:
    row = rows(REQUIRED)["DEAD_LETTER_TOPIC"]

    assert (row.value, row.source, row.default) == ("images.dead-letters", "default", "<INPUT_TOPIC>.dead-letters")


def test_what_is_unset_has_no_value() -> None:
    described = rows(REQUIRED | {"RANK_MIN_SCORE": ""})

    assert (described["RANK_MIN_SCORE"].value, described["RANK_MIN_SCORE"].default) == (None, "unset")
    assert (described["MODEL_NAME"].value, described["MODEL_NAME"].default) == (None, "last folder name")


def test_every_row_has_a_meaning_and_a_default() -> None:
    assert all(row.meaning and row.default for row in rows(REQUIRED).values())


def test_credentials_are_masked() -> None:
    assert rows(REQUIRED | {"MODEL_NAME": "https://me:hush@host/m"})["MODEL_NAME"].value == "https://***@host/m"


def test_wrong_settings_are_refused_as_at_the_start() -> None:
    with pytest.raises(SettingsError, match="BATCH_MAX_SIZE=0: must be at least 1"):
        describe(REQUIRED | {"BATCH_MAX_SIZE": "0"}, env_file=None)

import pytest

from config.masking import LONGEST_SHOWN, shown


@pytest.mark.parametrize("variable", ["KAFKA_SASL_PASSWORD", "CLIENT_SECRET", "MODEL_TOKEN", "AWS_CREDENTIALS"])
def test_a_secret_variable_shows_nothing_of_its_value(variable: str) -> None:
    assert shown(variable, "hush") == "***"


@pytest.mark.parametrize("path", ["/run/secrets/password", "./password", "../password"])
def test_the_path_of_a_file_with_a_secret_is_shown(path: str) -> None:
    assert shown("KAFKA_SASL_PASSWORD_FILE", path) == path


def test_what_may_be_the_secret_in_the_place_of_its_path_is_masked() -> None:
    assert shown("KAFKA_SASL_PASSWORD_FILE", "hush/1") == "***"


@pytest.mark.parametrize(
    ("value", "visible"),
    [
        ("https://me:hush@host/model", "https://***@host/model"),
        ("https://hush@host/model", "https://***@host/model"),
        ("https://me:hu@sh/hush@host/model", "https://***@host/model"),
        ("https://me:hu sh\nhush@host", "https://***@host"),
        ("SASL_SSL://me:hush@a:1,SASL_SSL://me:hush@b:1", "SASL_SSL://***@b:1"),
        ("me:hush@host:9092", "me:***@host:9092"),
        ("a:1,me:hush,@hush@b:2", "a:***@b:2"),
    ],
)
def test_credentials_within_a_url_are_masked(value: str, visible: str) -> None:
    assert shown("ANY", value) == visible


@pytest.mark.parametrize(
    "value", ["", "localhost:9092", "/models/a@b", '{"time": "@timestamp"}', "https://host:8080/model", "0.5", "größe"]
)
def test_other_values_are_shown_as_they_are(value: str) -> None:
    assert shown("ANY", value) == value


def test_a_value_is_shown_on_one_line_without_control_characters() -> None:
    assert shown("ANY", "a\nb\x1b[31m\udc80") == "a\\nb\\x1b[31m\\udc80"


def test_a_long_value_is_cut_after_it_was_masked() -> None:
    assert shown("ANY", "x" * (LONGEST_SHOWN + 1)) == "x" * LONGEST_SHOWN + "..."
    assert "hush" not in shown("ANY", "u:hush" + "h" * LONGEST_SHOWN + "@host")

from pathlib import Path

import pytest

from config.settings import VARIABLES, Settings, SettingsError, load_settings
from config.sources import FILE_VARIABLES

REQUIRED = {"INPUT_TOPIC": "images", "OUTPUT_TOPIC": "rankings", "MODEL_PATH": "/models/digits"}
SASL = {"KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "alice", "KAFKA_SASL_PASSWORD": "hush"}
TLS = {
    "KAFKA_SSL_CAFILE": "ca.pem",
    "KAFKA_SSL_CERTFILE": "cert.pem",
    "KAFKA_SSL_KEYFILE": "key.pem",
    "KAFKA_SSL_KEY_PASSWORD": "hush",
}
TOGETHER = "(certificate and key may be in one file)"


def load(protocol: str | None = None, **variables: str) -> Settings:
    named = {"KAFKA_SECURITY_PROTOCOL": protocol} if protocol else {}
    return load_settings(REQUIRED | named | variables, env_file=None)


def mistakes_of(protocol: str | None = None, **variables: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(protocol, **variables)
    assert caught.value.__context__ is None
    assert "hush" not in str(caught.value)
    return caught.value.mistakes


@pytest.mark.parametrize(
    ("protocol", "variables"),
    [
        (None, {}),
        ("PLAINTEXT", {}),
        ("SSL", {}),
        ("SSL", TLS),
        ("SASL_PLAINTEXT", SASL),
        ("SASL_SSL", SASL),
        ("sasl_ssl", SASL | TLS),
    ],
)
def test_each_protocol_takes_what_it_uses(protocol: str | None, variables: dict[str, str]) -> None:
    assert load(protocol, **variables).security.protocol == (protocol or "PLAINTEXT").upper()


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_a_protocol_that_logs_in_needs_a_mechanism_a_user_and_a_password(protocol: str) -> None:
    assert mistakes_of(protocol) == tuple(
        f"{name} is missing: KAFKA_SECURITY_PROTOCOL={protocol} logs in and needs it" for name in SASL
    )


def test_what_the_protocol_does_not_use_is_told_with_the_ones_that_do() -> None:
    here = "not used with KAFKA_SECURITY_PROTOCOL=PLAINTEXT (the default); unset it, or set that to"

    assert mistakes_of(**SASL, **TLS) == (
        f"KAFKA_SASL_MECHANISM=PLAIN: {here} SASL_PLAINTEXT or SASL_SSL",
        f"KAFKA_SASL_USERNAME=alice: {here} SASL_PLAINTEXT or SASL_SSL",
        f"KAFKA_SASL_PASSWORD=***: {here} SASL_PLAINTEXT or SASL_SSL",
        f"KAFKA_SSL_CAFILE=ca.pem: {here} SSL or SASL_SSL",
        f"KAFKA_SSL_CERTFILE=cert.pem: {here} SSL or SASL_SSL",
        f"KAFKA_SSL_KEYFILE=key.pem: {here} SSL or SASL_SSL",
        f"KAFKA_SSL_KEY_PASSWORD=***: {here} SSL or SASL_SSL",
    )


def test_a_password_that_would_not_be_sent_is_told_also_where_a_file_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("hush")

    assert mistakes_of("SSL", KAFKA_SASL_PASSWORD_FILE=str(path)) == (
        f"KAFKA_SASL_PASSWORD_FILE={path}: not used with KAFKA_SECURITY_PROTOCOL=SSL; "
        "unset it, or set that to SASL_PLAINTEXT or SASL_SSL",
    )


@pytest.mark.parametrize(
    ("given", "shown", "needed"),
    [
        ("KAFKA_SSL_CERTFILE", "cert.pem", "KAFKA_SSL_KEYFILE"),
        ("KAFKA_SSL_KEYFILE", "key.pem", "KAFKA_SSL_CERTFILE"),
        ("KAFKA_SSL_KEY_PASSWORD", "***", "KAFKA_SSL_KEYFILE"),
    ],
)
def test_what_says_nothing_without_another_variable_is_told_with_that(given: str, shown: str, needed: str) -> None:
    assert mistakes_of("SSL", **{given: TLS[given]}) == (f"{given}={shown}: needs {needed} too {TOGETHER}",)


def test_a_wrong_protocol_is_one_mistake() -> None:
    (line,) = mistakes_of("TLS", **SASL, **TLS)

    assert line == "KAFKA_SECURITY_PROTOCOL=TLS: must be 'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT' or 'SASL_SSL'"


def test_a_file_that_cannot_be_read_is_not_a_missing_password_too(tmp_path: Path) -> None:
    sasl = {"KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "alice"}

    assert mistakes_of("SASL_SSL", KAFKA_SASL_PASSWORD_FILE=f"{tmp_path}/nope", **sasl) == (
        f"KAFKA_SASL_PASSWORD_FILE={tmp_path}/nope: the file cannot be read: No such file or directory",
    )


def test_all_of_it_is_told_at_once_with_the_other_mistakes() -> None:
    lines = mistakes_of("SASL_SSL", KAFKA_SASL_MECHANISM="NTLM", KAFKA_SSL_KEYFILE="key.pem", BATCH_MAX_SIZE="0")

    assert lines == (
        "KAFKA_SASL_MECHANISM=NTLM: must be 'PLAIN', 'SCRAM-SHA-256' or 'SCRAM-SHA-512'",
        "BATCH_MAX_SIZE=0: must be at least 1",
        "KAFKA_SASL_USERNAME is missing: KAFKA_SECURITY_PROTOCOL=SASL_SSL logs in and needs it",
        "KAFKA_SASL_PASSWORD is missing: KAFKA_SECURITY_PROTOCOL=SASL_SSL logs in and needs it",
        f"KAFKA_SSL_KEYFILE=key.pem: needs KAFKA_SSL_CERTFILE too {TOGETHER}",
    )


@pytest.mark.parametrize("content", ["hush\nhush", "hush\n\n", "hu\0sh", "hush\x7f"])
def test_a_password_is_one_line_and_the_path_is_told_where_it_is_not(tmp_path: Path, content: str) -> None:
    path = tmp_path / "password"
    path.write_text(content)
    sasl = {"KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "alice"}
    rule = "must be one line of UTF-8 text without control characters"

    assert mistakes_of("SASL_SSL", KAFKA_SASL_PASSWORD_FILE=str(path), **sasl) == (
        f"KAFKA_SASL_PASSWORD_FILE={path}: {rule}",
    )
    assert mistakes_of("SASL_SSL", **SASL | {"KAFKA_SASL_PASSWORD": "hush\udc80"}) == (
        f"KAFKA_SASL_PASSWORD=***: {rule}",
    )


def test_the_content_of_a_users_file_is_not_told_where_it_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "user"
    path.write_text("hush\nhush")
    sasl = {"KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_PASSWORD": "x"}

    assert mistakes_of("SASL_SSL", KAFKA_SASL_USERNAME_FILE=str(path), **sasl) == (
        f"KAFKA_SASL_USERNAME_FILE={path}: must be printable text",
    )


def test_passwords_show_in_no_dump_and_no_repr() -> None:
    settings = load("SASL_SSL", **SASL, **TLS)

    everything = (settings, settings.security, settings.model_dump(), settings.model_dump(mode="json"))
    assert "hush" not in " ".join(text for each in everything for text in (repr(each), str(each)))
    assert "hush" not in settings.model_dump_json()
    assert settings.security.sasl_password is not None
    assert settings.security.sasl_password.get_secret_value() == "hush"


def test_every_variable_that_a_file_may_hold_is_one_of_ours_and_every_secret_may_be_in_a_file() -> None:
    assert set(FILE_VARIABLES.values()) <= set(VARIABLES)
    assert {name for name in VARIABLES if "PASSWORD" in name} <= set(FILE_VARIABLES.values())

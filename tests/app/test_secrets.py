"""Everything that the service shows of itself, searched for the passwords that it was given."""

import base64
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from app.errors import StartFailed
from app.health import Health
from app.kafka.connecting import find_trouble
from app.kafka.consuming import add_agent, make_app
from app.kafka.security import Security
from config.logging import configure_logging
from config.settings import Settings, SettingsError, load_settings
from tests.app.kafka.harness import Receiver, settings_for
from tests.app.kafka.links import login, variables_for
from tests.broker.certificates import Authority
from tests.broker.secure_kafka import PASSWORD, USER, SecureKafka
from tests.broker.topics import fresh_topics

REQUIRED = {"INPUT_TOPIC": "images", "OUTPUT_TOPIC": "rankings", "MODEL_PATH": "."}
LINK = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SSL_CERTFILE": "cert.pem", "KAFKA_SSL_KEYFILE": "key.pem"}
NAMES = ("KAFKA_SASL_PASSWORD", "KAFKA_SSL_KEY_PASSWORD")


@pytest.fixture(params=["variables", "files"])
def given(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Settings with two passwords, themselves or in files as Docker mounts them."""
    variables = REQUIRED | LINK | {"KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": USER}
    if request.param == "variables":
        return variables | dict.fromkeys(NAMES, "hush")
    for name in NAMES:
        (tmp_path / name).write_text("hush\n")
    return variables | {f"{name}_FILE": str(tmp_path / name) for name in NAMES}


def shows(text: str, password: str = "hush") -> bool:  # noqa: S107 made up
    """Whether *text* shows *password*, which begins with hush, as it is or as PLAIN sends it, in base64."""
    sent = f"{USER}\0{USER}\0{password}".encode()
    return "hush" in text or base64.b64encode(sent).decode() in text


def streamrank(*arguments: str, cwd: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(
        command, cwd=cwd, env={"PATH": os.defpath} | environ, capture_output=True, text=True, check=False
    )


def test_the_passwords_are_there_and_show_in_nothing_that_is_made_of_the_settings(given: dict[str, str]) -> None:
    settings = load_settings(given, env_file=None)

    assert settings.security.sasl_password is not None
    assert settings.security.sasl_password.get_secret_value() == "hush"
    dumps = (settings, settings.security, settings.model_dump(), settings.model_dump(mode="json"))
    assert not shows(" ".join(f"{each!r} {each!s}" for each in dumps) + settings.model_dump_json())


async def test_the_status_does_not_show_them(given: dict[str, str]) -> None:
    status = msgspec.json.encode(Health(load_settings(given, env_file=None)).status()).decode()

    assert '"sasl_username":"alice"' in status
    assert not shows(status)


@pytest.mark.parametrize("line_end", ["\n", "\\n", " "])
@pytest.mark.parametrize("command", ["config", "serve", "audit", "dead-letters list"])
def test_a_key_in_the_place_of_its_path_is_refused_and_not_shown(tmp_path: Path, command: str, line_end: str) -> None:
    key = line_end.join(["-----BEGIN PRIVATE KEY-----", "hush" * 16, "-----END PRIVATE KEY-----"])
    given = REQUIRED | LINK | {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_KEYFILE": key}

    run = streamrank(*command.split(), cwd=tmp_path, environ=given)

    assert run.returncode == 2
    assert "KAFKA_SSL_KEYFILE=***: must be the path of a file" in run.stdout + run.stderr
    assert not shows(run.stdout + run.stderr)


@pytest.mark.parametrize("wrong", [{"BATCH_MAX_SIZE": "0"}, {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}])
def test_mistakes_and_their_traceback_do_not_show_them(given: dict[str, str], wrong: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(given | wrong, env_file=None)

    assert not shows("".join(traceback.format_exception(caught.value)))


@pytest.mark.parametrize("arguments", [["config"], ["config", "--json"], ["serve"]])
@pytest.mark.parametrize("wrong", [{}, {"HTTP_PORT": "none"}])
def test_no_command_shows_them(
    tmp_path: Path, given: dict[str, str], arguments: list[str], wrong: dict[str, str]
) -> None:
    done = streamrank(*arguments, cwd=tmp_path, environ=given | wrong)

    assert done.returncode == (0 if arguments[0] == "config" and not wrong else 2)
    assert not shows(done.stdout + done.stderr)


def test_config_masks_them_and_tells_where_they_came_from(tmp_path: Path, given: dict[str, str]) -> None:
    rows = json.loads(streamrank("config", "--json", cwd=tmp_path, environ=given).stdout)

    source = "environment" if "KAFKA_SASL_PASSWORD" in given else "file"
    assert all(rows[name] == {"value": "***", "source": source} for name in NAMES)


def test_a_key_that_they_do_not_open_does_not_show_them(tmp_path: Path) -> None:
    certificate = Authority(tmp_path, "ours").issue("client")
    files = {
        "KAFKA_SSL_CERTFILE": str(certificate.certfile),
        "KAFKA_SSL_KEYFILE": str(certificate.encrypted("other")),
        "KAFKA_SSL_KEY_PASSWORD": "hush",
    }
    settings = load_settings(REQUIRED | {"KAFKA_SECURITY_PROTOCOL": "SSL"} | files, env_file=None)

    with pytest.raises(StartFailed) as caught:
        Security(settings.security)
    assert not shows("".join(traceback.format_exception(caught.value)))


async def knock(settings: Settings) -> str:
    """Try to get in with a producer, then ask why that fails; return the tracebacks."""
    security = Security(settings.security)
    servers = list(settings.kafka.bootstrap_servers)
    producer = AIOKafkaProducer(bootstrap_servers=servers, **security.client_options)
    with pytest.raises(KafkaConnectionError) as refused:
        await producer.start()
    await producer.stop()
    with pytest.raises(StartFailed) as told:
        await find_trouble(servers, security, learning_seconds=0)
    return "".join(traceback.format_exception(refused.value) + traceback.format_exception(told.value))


@pytest.mark.needs_apache_kafka
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
async def test_a_login_that_is_refused_shows_them_neither_in_the_log_nor_in_tracebacks(
    secure_kafka: SecureKafka, mechanism: str, plain_logging: None, capsys: pytest.CaptureFixture[str]
) -> None:
    variables = {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", **login(mechanism, USER, "hush")}
    variables["KAFKA_BOOTSTRAP_SERVERS"] = secure_kafka.address("SASL")
    configure_logging("DEBUG")

    traces = await knock(load_settings(REQUIRED | variables, env_file=None))

    log = capsys.readouterr().err
    assert "SaslHandShakeRequest" in log
    assert not shows(log + traces)


@pytest.mark.needs_apache_kafka
async def test_a_service_at_work_shows_them_not_even_in_a_log_of_everything(
    secure_kafka: SecureKafka, plain_logging: None, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver = Receiver()
    variables = variables_for(secure_kafka, "SASL_TLS", "PLAIN")
    configure_logging("DEBUG", "json")
    with fresh_topics(secure_kafka) as topics:
        settings = settings_for(topics, KAFKA_BOOTSTRAP_SERVERS=secure_kafka.address("SASL_TLS"), **variables)
        credentials = Security(settings.security).faust_credentials
        app = make_app(settings.kafka, settings.batch, receiver, credentials=credentials)
        add_agent(app, topics.input, receiver.accept, receiver.failures.append)
        await app.start()
        await receiver.wait_for(lambda: "rebalanced" in receiver.events)
        await app.stop()

    log = capsys.readouterr().err
    assert f"Authenticated as {USER} via PLAIN" in log
    assert not shows(log, PASSWORD)

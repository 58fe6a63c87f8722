import ssl
import uuid
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from app.errors import StartFailed
from app.kafka.consuming import add_agent, make_app
from app.kafka.security import Security
from tests.app.kafka.harness import Receiver, settings_for
from tests.app.kafka.links import link, variables_for
from tests.broker.certificates import Authority, Certificate
from tests.broker.records import Record
from tests.broker.secure_kafka import SecureKafka
from tests.broker.topics import fresh_topics

WAYS = [
    ("PLAINTEXT", None),
    ("TLS", None),
    ("MUTUAL", None),
    ("SASL", "PLAIN"),
    ("SASL", "SCRAM-SHA-256"),
    ("SASL_TLS", "PLAIN"),
    ("SASL_TLS", "SCRAM-SHA-256"),
    ("SASL_TLS", "SCRAM-SHA-512"),
]
"""Every listener that lets us in, with every mechanism of it."""


@pytest.mark.needs_apache_kafka
@pytest.mark.parametrize(("listener", "mechanism"), WAYS)
async def test_clients_read_write_and_administrate_in_every_way(
    secure_kafka: SecureKafka, listener: str, mechanism: str | None
) -> None:
    value = uuid.uuid4().bytes
    options = link(variables_for(secure_kafka, listener, mechanism)).client_options
    options["bootstrap_servers"] = secure_kafka.address(listener)
    with fresh_topics(secure_kafka, partitions=1) as topics:
        async with (
            AIOKafkaProducer(**options) as producer,
            AIOKafkaConsumer(auto_offset_reset="earliest", **options) as consumer,
        ):
            await producer.send_and_wait(topics.input, value)
            consumer.assign([TopicPartition(topics.input, 0)])
            assert (await consumer.getone()).value == value
        admin = AIOKafkaAdminClient(**options)
        await admin.start()
        assert topics.input in await admin.list_topics()
        await admin.close()


@pytest.mark.needs_apache_kafka
@pytest.mark.parametrize(("listener", "mechanism"), WAYS)
def test_faust_tells_its_clients_the_same(secure_kafka: SecureKafka, listener: str, mechanism: str | None) -> None:
    security = link(variables_for(secure_kafka, listener, mechanism))

    told = credentials_to_aiokafka_auth(security.faust_credentials)

    assert {name: value for name, value in told.items() if value is not None} == security.client_options


@pytest.mark.needs_apache_kafka
@pytest.mark.parametrize(("listener", "mechanism"), [("MUTUAL", None), ("SASL_TLS", "SCRAM-SHA-512")])
async def test_a_faust_app_joins_its_group_reads_and_commits(
    secure_kafka: SecureKafka, listener: str, mechanism: str | None
) -> None:
    receiver = Receiver()
    with fresh_topics(secure_kafka) as topics:
        variables = variables_for(secure_kafka, listener, mechanism)
        settings = settings_for(topics, KAFKA_BOOTSTRAP_SERVERS=secure_kafka.address(listener), **variables)
        credentials = Security(settings.security).faust_credentials
        app = make_app(settings.kafka, settings.batch, receiver, credentials=credentials)
        add_agent(app, topics.input, receiver.accept, receiver.failures.append)
        await app.start()
        topics.client.write(topics.input, [Record(b"one"), Record(b"two")])
        await receiver.wait_for(lambda: len(receiver.records) == 2)
        await app.chunk_consumer.drain()
        await app.stop()
        topics.client.wait_until_committed(topics.input, topics.group)


def test_a_link_shows_no_password() -> None:
    security = link(
        {
            "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "KAFKA_SASL_MECHANISM": "PLAIN",
            "KAFKA_SASL_USERNAME": "alice",
            "KAFKA_SASL_PASSWORD": "hush",
        }
    )

    assert security.client_options["sasl_plain_password"] == "hush"  # noqa: S105 it is what is looked for
    assert "sasl_plain_password" not in security.transport_options
    assert "hush" not in f"{security!r} {security.settings!r} {security.faust_credentials!r}"


def tls(**variables: Path | str) -> Security:
    named = {name: str(value) for name, value in variables.items()}
    return link({"KAFKA_SECURITY_PROTOCOL": "SSL", **named})


def context_of(security: Security) -> ssl.SSLContext:
    context = security.client_options["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    return context


def test_without_a_file_the_authorities_of_the_system_count() -> None:
    context = context_of(tls())

    assert context.get_ca_certs() == ssl.create_default_context().get_ca_certs()
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> Certificate:
    return authority.issue("client")


def test_with_a_file_only_the_authorities_in_it_count(authority: Authority) -> None:
    context = context_of(tls(KAFKA_SSL_CAFILE=authority.certfile))

    assert [each["subject"] for each in context.get_ca_certs()] == [((("commonName", "ours"),),)]
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)


def test_certificate_and_key_may_be_in_one_file(certificate: Certificate, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_text(certificate.both)

    tls(KAFKA_SSL_CERTFILE=both, KAFKA_SSL_KEYFILE=both)


def test_an_encrypted_key_is_opened_with_its_password(certificate: Certificate) -> None:
    key = certificate.encrypted("hush-ä")

    tls(KAFKA_SSL_CERTFILE=certificate.certfile, KAFKA_SSL_KEYFILE=key, KAFKA_SSL_KEY_PASSWORD="hush-ä")  # noqa: S106 made up


def failure(**variables: Path | str) -> str:
    with pytest.raises(StartFailed) as caught:
        tls(**variables)
    return str(caught.value)


def test_an_encrypted_key_without_a_password_is_told_and_nobody_is_asked_on_the_terminal(
    certificate: Certificate,
) -> None:
    key = certificate.encrypted("hush")

    assert failure(KAFKA_SSL_CERTFILE=certificate.certfile, KAFKA_SSL_KEYFILE=key) == (
        f"KAFKA_SSL_KEYFILE={key}: the key is encrypted; set KAFKA_SSL_KEY_PASSWORD"
    )


@pytest.mark.parametrize(
    ("password", "message"),
    [
        (
            "wrong-hush",
            "KAFKA_SSL_KEYFILE={key}: the file holds no private key in PEM form, "
            "or KAFKA_SSL_KEY_PASSWORD is not its password",
        ),
        ("hush" * 300, "KAFKA_SSL_KEY_PASSWORD: password cannot be longer than 1024 bytes"),
    ],
)
def test_a_wrong_password_of_a_key_is_told_and_not_shown(certificate: Certificate, password: str, message: str) -> None:
    key = certificate.encrypted("hush")

    told = failure(KAFKA_SSL_CERTFILE=certificate.certfile, KAFKA_SSL_KEYFILE=key, KAFKA_SSL_KEY_PASSWORD=password)

    assert told == message.format(key=key)


def test_a_key_of_another_certificate_is_told(authority: Authority, certificate: Certificate) -> None:
    other = authority.issue("other")

    assert failure(KAFKA_SSL_CERTFILE=certificate.certfile, KAFKA_SSL_KEYFILE=other.keyfile) == (
        f"KAFKA_SSL_KEYFILE={other.keyfile}: the key does not belong to KAFKA_SSL_CERTFILE={certificate.certfile}"
    )


@pytest.mark.parametrize("variable", ["KAFKA_SSL_CAFILE", "KAFKA_SSL_CERTFILE", "KAFKA_SSL_KEYFILE"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("junk", "the file holds no {} in PEM form"),
        ("", "the file holds no {} in PEM form"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "the file holds no {} in PEM form"),
        (None, "No such file or directory"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_told_with_its_variable(
    certificate: Certificate, tmp_path: Path, variable: str, content: str | None, reason: str
) -> None:
    path = tmp_path / "file.pem"
    if content is not None:
        path.write_text(content)
    files = {"KAFKA_SSL_CERTFILE": certificate.certfile, "KAFKA_SSL_KEYFILE": certificate.keyfile, variable: path}

    what = "private key" if variable == "KAFKA_SSL_KEYFILE" else "certificate"
    assert failure(**files) == f"{variable}={path}: {reason.format(what)}"
